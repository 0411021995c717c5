-- Log lines of jobs that are history already: their handlers completed them (job.transaction()) and went on. Without a
-- fence or a look at the job: only the attempt whose own transaction committed comes here.
-- History must have the month (see finish_jobs).
DECLARE @lines nvarchar(max) = :lines;
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
SELECT CONVERT(int, item.[key]), l.job_id, l.created_at, l.attempt,
    DATEADD(millisecond, -CONVERT(int, l.age_seconds * 1000), @now), l.level,
    dbjobs.json_text(JSON_QUERY(item.value, '$.message')),
    YEAR(l.created_at) * 100 + MONTH(l.created_at)
FROM OPENJSON(@lines) AS item
CROSS APPLY OPENJSON(item.value) WITH (
    job_id bigint, created_at datetime2(6), attempt int, age_seconds float, level nvarchar(20)
) AS l;
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
