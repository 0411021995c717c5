DECLARE @node_id bigint = :node_id, @reports nvarchar(max) = :reports;
UPDATE j
SET progress = COALESCE(p.progress, j.progress), status = COALESCE(p.status, j.status),
    last_activity_at = SYSUTCDATETIME()
FROM OPENJSON(@reports) WITH (id bigint, attempt int, progress float, status nvarchar(max)) AS p
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = p.id
WHERE j.attempt = p.attempt AND j.node_id = @node_id;
