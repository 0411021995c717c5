-- Jobs that should have started by now and have not. One that has started (in back-off, handed back, in its callback)
-- does not expire any more: `expiry` is NULL then. The index of that name serves it.
SELECT id
FROM dbjobs_background_job FORCE INDEX (expiry)
WHERE expiry <= UTC_TIMESTAMP(6) AND state IN ('scheduled', 'waiting', 'queued')
ORDER BY expiry
LIMIT :limit;
