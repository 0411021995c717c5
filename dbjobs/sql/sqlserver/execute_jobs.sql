-- The body of a job with a callback has succeeded: from here on only the callback is run, with tries of
-- its own. The node keeps the job. Driven by primary key and fenced, as finish_jobs; JSON in an array of one, as there.
DECLARE @node_id bigint = :node_id, @outcomes nvarchar(max) = :outcomes;
DECLARE @now datetime2(6) = SYSUTCDATETIME();
DECLARE @executed TABLE (id bigint NOT NULL PRIMARY KEY);
UPDATE j
SET state = N'executed', executed_at = @now, attempt_base = j.attempt - 1, response = o.response,
    response_body = SUBSTRING(o.response_body, 2, LEN(o.response_body) - 2), duration_ms = o.duration_ms,
    last_activity_at = @now
OUTPUT inserted.id INTO @executed (id)
FROM OPENJSON(@outcomes) WITH (
    id bigint, attempt int, response nvarchar(max), response_body nvarchar(max) AS JSON, duration_ms float
) AS o
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = o.id
WHERE j.attempt = o.attempt AND j.node_id = @node_id;
SELECT (SELECT id FROM @executed ORDER BY id FOR JSON PATH) AS packed;
