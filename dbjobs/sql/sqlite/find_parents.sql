-- Are these jobs alive (state is NULL), or how have they ended?
SELECT id, NULL AS state FROM dbjobs_background_job WHERE id IN (SELECT value FROM json_each(:ids))
UNION ALL
SELECT id, state FROM dbjobs_finished_job WHERE id IN (SELECT value FROM json_each(:ids));

-- A job that was requeued is alive, whatever its month still says.
-- @months
SELECT id, state
FROM job
WHERE id IN (SELECT value FROM json_each(:ids))
  AND NOT EXISTS (SELECT 1 FROM live.dbjobs_background_job b WHERE b.id = job.id);
