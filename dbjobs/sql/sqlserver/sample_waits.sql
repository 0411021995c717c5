-- How long these jobs were ready before they started. Only first attempts of jobs that waited for no others: their rows
-- tell since when they were ready.
DECLARE @ids nvarchar(max) = :ids;
SELECT (
    SELECT j.id, CONVERT(float, DATEDIFF_BIG(microsecond,
        CASE WHEN j.run_after > j.created_at THEN j.run_after ELSE j.created_at END, j.started_at)) / 1000 AS wait_ms
    FROM OPENJSON(@ids) WITH (id bigint '$') AS w
    CROSS APPLY (SELECT * FROM dbjobs.job AS job WITH (READPAST, READCOMMITTEDLOCK) WHERE job.id = w.id) AS j
    WHERE j.depends_on IS NULL AND j.attempt = 1 AND j.started_at IS NOT NULL
    FOR JSON PATH
) AS packed;
