-- A line is in the file of its job's month, or still on its way there.
SELECT id, job_id, attempt, at, level, message
FROM dbjobs_job_log
WHERE job_id = :job_id AND id > :after_id
ORDER BY id
LIMIT :limit;

-- The months that may hold some: read after the main file, because its lines may move there at any moment.
-- @as place packed month
SELECT json_group_array(month) FROM dbjobs_month_range WHERE :job_id BETWEEN first_id AND last_id;

-- @months ascending in place
SELECT id, job_id, attempt, at, level, message
FROM job_log
WHERE job_id = :job_id AND id > :after_id
ORDER BY id
LIMIT :limit;
