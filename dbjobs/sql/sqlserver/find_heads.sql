-- The first ready job of each of these queues and named workers, and how long it has been ready. One probe of
-- background_job_ready or background_job_lane per name. NOLOCK: it waits for nobody.
DECLARE @queues nvarchar(max) = :queues, @workers nvarchar(max) = :workers, @now datetime2(6) = SYSUTCDATETIME();
SELECT (
    SELECT h.id, h.queue, h.worker, h.command, DATEDIFF_BIG(millisecond, h.since, @now) / 1000e0 AS age_seconds
    FROM (
        SELECT j.id, j.queue, j.worker, j.command, j.since
        FROM OPENJSON(@queues) WITH (queue nvarchar(510) '$') AS q
        CROSS APPLY (
            SELECT TOP (1) r.id, r.queue, r.worker, r.command,
                (SELECT MAX(m.at) FROM (VALUES (r.created_at), (r.run_after), (r.last_activity_at)) AS m (at)) AS since
            FROM dbjobs.background_job AS r WITH (NOLOCK)
            WHERE r.queue = q.queue COLLATE Latin1_General_100_BIN2 AND r.state = N'queued' AND r.worker IS NULL
            ORDER BY r.priority, r.id
        ) AS j
        UNION ALL
        SELECT j.id, j.queue, j.worker, j.command, j.since
        FROM OPENJSON(@workers) WITH (worker nvarchar(510) '$') AS w
        CROSS APPLY (
            SELECT TOP (1) r.id, r.queue, r.worker, r.command,
                (SELECT MAX(m.at) FROM (VALUES (r.created_at), (r.run_after), (r.last_activity_at)) AS m (at)) AS since
            FROM dbjobs.background_job AS r WITH (NOLOCK)
            WHERE r.worker = w.worker COLLATE Latin1_General_100_BIN2 AND r.state = N'queued'
            ORDER BY r.priority, r.id
        ) AS j
    ) AS h
    FOR JSON PATH, INCLUDE_NULL_VALUES
) AS packed;
