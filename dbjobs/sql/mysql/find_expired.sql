-- Jobs that should have started by now but have not. Once a job has started (in back-off, handed back, in its
-- callback), it no longer expires: `expiry` is NULL then. The index of that name serves it.
SELECT id
FROM dbjobs_background_job FORCE INDEX (expiry)
WHERE expiry <= UTC_TIMESTAMP(6) AND state IN ('scheduled', 'waiting', 'queued')
ORDER BY expiry
LIMIT :limit;
