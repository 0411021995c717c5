"""The tests: one conformance suite that runs on every database, and what surrounds it."""
