"""The limit: each bare driver on the same tables, doing no more than a job queue has to."""
