-- Records that the body of a job with a callback succeeded: from now on only the callback runs, with its own tries. The
-- node keeps the job. It locks by primary key, fenced, then writes; JSON in an array of one, as in finish_jobs.
DECLARE @node_id bigint = :node_id, @outcomes nvarchar(max) = :outcomes;
DECLARE @now datetime2(6) = SYSUTCDATETIME(), @packed nvarchar(max);
DECLARE @executed TABLE (
    id              bigint NOT NULL PRIMARY KEY,
    response        nvarchar(max),
    response_body   nvarchar(max),
    duration_ms     float
);
BEGIN TRANSACTION;
INSERT INTO @executed (id, response, response_body, duration_ms)
SELECT j.id, o.response, SUBSTRING(body.response_body, 2, LEN(body.response_body) - 2), o.duration_ms
FROM OPENJSON(@outcomes) AS item
CROSS APPLY OPENJSON(item.value) WITH (id bigint, attempt int, response nvarchar(max), duration_ms float) AS o
CROSS APPLY (SELECT JSON_QUERY(item.value, '$.response_body') AS response_body) AS body
JOIN dbjobs.background_job AS j WITH (UPDLOCK, ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = o.id
WHERE j.attempt = o.attempt AND j.node_id = @node_id;
UPDATE j
SET state = N'executed', executed_at = @now, attempt_base = j.attempt - 1, response = e.response,
    response_body = e.response_body, duration_ms = e.duration_ms, last_activity_at = @now
FROM @executed AS e
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = e.id;
SET @packed = (SELECT id FROM @executed ORDER BY id FOR JSON PATH);
COMMIT TRANSACTION;
SELECT @packed AS packed;
