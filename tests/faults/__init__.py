"""A database whose round trips can be made to fail, and what is run on it."""
