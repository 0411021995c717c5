-- Are these jobs alive (state is NULL), or how did they end?
SELECT id, NULL AS state FROM dbjobs_background_job WHERE id IN (SELECT value FROM json_each(:ids))
UNION ALL
SELECT id, state FROM dbjobs_finished_job WHERE id IN (SELECT value FROM json_each(:ids));

-- The months that may hold them: read after the main file, because its rows may move there at any moment.
-- @as place packed month
SELECT json_group_array(month)
FROM dbjobs_month_range r
WHERE EXISTS (SELECT 1 FROM json_each(:ids) w WHERE w.value BETWEEN r.first_id AND r.last_id);

-- A requeued job is alive, whatever its month still says.
-- @months in place
SELECT id, state
FROM job
WHERE id IN (SELECT value FROM json_each(:ids))
  AND NOT EXISTS (SELECT 1 FROM live.dbjobs_background_job b WHERE b.id = job.id);
