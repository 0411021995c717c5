"""The API: typed operations, one module per subject."""
