"""The API: one module for each thing, of typed operations."""
