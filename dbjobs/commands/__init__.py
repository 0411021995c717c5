"""A handler, and what it takes."""
