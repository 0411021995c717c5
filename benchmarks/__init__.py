"""How fast dbjobs is, beside the database's own limit and beside other libraries: ``python -m benchmarks``."""
