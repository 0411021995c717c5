"""What runs inside ``jobs.start()``: one loop per file."""
