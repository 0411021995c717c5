-- How long these jobs were ready before they started. Only first attempts of jobs that waited for no others: their rows
-- tell since when they were ready.
SELECT id, (julianday(started_at) - julianday(max(created_at, coalesce(run_after, '')))) * 86400000.0 AS wait_ms
FROM dbjobs_job
WHERE id IN (SELECT value FROM json_each(:ids)) AND depends_on IS NULL AND attempt = 1 AND started_at IS NOT NULL;

-- The months that may hold them: read after the main file, because its rows may move there at any moment.
-- @as place packed month
SELECT json_group_array(month)
FROM dbjobs_month_range r
WHERE EXISTS (SELECT 1 FROM json_each(:ids) w WHERE w.value BETWEEN r.first_id AND r.last_id);

-- @months in place
SELECT id, (julianday(started_at) - julianday(max(created_at, coalesce(run_after, '')))) * 86400000.0 AS wait_ms
FROM job
WHERE id IN (SELECT value FROM json_each(:ids)) AND depends_on IS NULL AND attempt = 1 AND started_at IS NOT NULL;
