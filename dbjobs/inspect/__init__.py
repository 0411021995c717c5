"""For people: why a job does not run, which jobs there are, what the numbers say."""
