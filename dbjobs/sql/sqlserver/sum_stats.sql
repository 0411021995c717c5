-- Exact counts of a span (seconds since 1970, :until excluded), cut into steps: by queue and command on request, else
-- all together. A range of the primary key, which begins with the minute; as old rows are folded into hours and days, a
-- year is few of them.
-- READPAST: it does not wait for what a handler's open transaction has counted. One JSON text: see claim_jobs.
DECLARE @since bigint = :since, @until bigint = :until, @step bigint = :step, @apart bit = :apart;
DECLARE @queue nvarchar(510) = :queue, @command nvarchar(510) = :command;
SELECT (
    SELECT starts, queue, command, SUM(completed) AS completed, SUM(failed) AS failed, SUM(cancelled) AS cancelled,
        SUM(retried) AS retried, SUM(duration_ms) AS duration_ms
    FROM (
        SELECT @since + (DATEDIFF_BIG(second, '1970-01-01', s.minute) - @since) / @step * @step AS starts,
            CASE WHEN @apart = 1 THEN s.queue ELSE N'' END AS queue,
            CASE WHEN @apart = 1 THEN s.command ELSE N'' END AS command,
            s.completed, s.failed, s.cancelled, s.retried, s.duration_ms
        FROM dbjobs.job_stat AS s WITH (READPAST, READCOMMITTEDLOCK)
        WHERE s.minute >= DATEADD(second, @since % 86400, DATEADD(day, CONVERT(int, @since / 86400), '1970-01-01'))
          AND s.minute < DATEADD(second, @until % 86400, DATEADD(day, CONVERT(int, @until / 86400), '1970-01-01'))
          AND (@queue IS NULL OR s.queue = @queue) AND (@command IS NULL OR s.command = @command)
    ) AS t
    GROUP BY starts, queue, command
    ORDER BY starts, queue, command
    FOR JSON PATH
) AS packed;
