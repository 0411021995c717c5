"""For people: why a job does not run, which jobs there are, and statistics."""
