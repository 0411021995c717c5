-- Fenced: an attempt that is no longer ours writes nothing. History must have the month (see finish_jobs).
-- NOLOCK: it does not wait for a locked job (its handler's own transaction may still be open).
DECLARE @node_id bigint = :node_id, @lines nvarchar(max) = :lines;
DECLARE @now datetime2(6) = SYSUTCDATETIME(), @missing int, @message nvarchar(200);
DECLARE @moved TABLE (
    position        int NOT NULL PRIMARY KEY,
    job_id          bigint NOT NULL,
    job_created_at  datetime2(6) NOT NULL,
    attempt         int NOT NULL,
    at              datetime2(6) NOT NULL,
    level           nvarchar(20) NOT NULL,
    message         nvarchar(max) NOT NULL,
    month           int NOT NULL
);

BEGIN TRANSACTION;
INSERT INTO @moved (position, job_id, job_created_at, attempt, at, level, message, month)
SELECT CONVERT(int, item.[key]), l.job_id, j.created_at, l.attempt,
    DATEADD(millisecond, -CONVERT(int, l.age_seconds * 1000), @now), l.level,
    dbjobs.json_text(JSON_QUERY(item.value, '$.message')),
    YEAR(j.created_at) * 100 + MONTH(j.created_at)
FROM OPENJSON(@lines) AS item
CROSS APPLY OPENJSON(item.value) WITH (
    job_id bigint, attempt int, age_seconds float, level nvarchar(20)
) AS l
JOIN dbjobs.background_job AS j WITH (NOLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = l.job_id
WHERE j.attempt = l.attempt AND j.node_id = @node_id;
SELECT TOP (1) @missing = m.month
FROM @moved AS m
WHERE NOT EXISTS (SELECT 1 FROM dbjobs.history_month AS h WITH (REPEATABLEREAD) WHERE h.month = m.month)
ORDER BY m.month;
IF @missing IS NOT NULL
BEGIN
    SET @message = CONCAT(N'history has no place for the month ', @missing);
    THROW 50001, @message, 1;
END;
INSERT INTO dbjobs.job_log (job_id, job_created_at, attempt, at, level, message)
SELECT m.job_id, m.job_created_at, m.attempt, m.at, m.level, m.message
FROM @moved AS m
ORDER BY m.position;
COMMIT TRANSACTION;
