"""The thin async repository over each database."""
