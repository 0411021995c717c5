"""Where a run takes place, and what is done to the job tables outside the timed parts."""
