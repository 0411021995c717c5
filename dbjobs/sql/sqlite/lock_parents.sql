-- A child is about to depend on these. Under the one write lock there is no race with a parent that is
-- finishing: it is live here and then sees the flag, or it has ended and yields no row.
UPDATE dbjobs_background_job
SET has_dependents = 1
WHERE id IN (SELECT value FROM json_each(:ids))
RETURNING id;
