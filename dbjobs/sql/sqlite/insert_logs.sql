-- Fenced: an attempt that is no longer ours writes nothing.
-- @each lines
INSERT INTO dbjobs_job_log (job_id, job_created_at, attempt, at, level, message)
SELECT id, created_at, attempt, strftime('%Y-%m-%d %H:%M:%f', 'now', -:age_seconds || ' seconds'),
    :level, :message
FROM dbjobs_background_job
WHERE id = :job_id AND attempt = :attempt AND node_id = :node_id;
