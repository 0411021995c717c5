"""A soak: everything at once for some minutes, with kills, stops and restarts, and a table of what went wrong."""
