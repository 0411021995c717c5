-- Exact counts of a span (seconds since 1970, :until excluded), cut into steps: by queue and command on request, else
-- all together. A range of the primary key, which begins with the minute; as old rows are folded into hours and days, a
-- year is few of them.
SELECT
    CAST(:since + (TIMESTAMPDIFF(SECOND, '1970-01-01 00:00:00', minute) - :since) DIV :step * :step AS SIGNED) AS starts,
    CASE WHEN :apart THEN queue ELSE '' END AS queue, CASE WHEN :apart THEN command ELSE '' END AS command,
    CAST(SUM(completed) AS SIGNED) AS completed, CAST(SUM(failed) AS SIGNED) AS failed,
    CAST(SUM(cancelled) AS SIGNED) AS cancelled, CAST(SUM(retried) AS SIGNED) AS retried, SUM(duration_ms) AS duration_ms
FROM dbjobs_job_stat FORCE INDEX (PRIMARY)
WHERE minute >= TIMESTAMP'1970-01-01 00:00:00' + INTERVAL :since SECOND
  AND minute < TIMESTAMP'1970-01-01 00:00:00' + INTERVAL :until SECOND
  AND (:queue IS NULL OR queue = :queue) AND (:command IS NULL OR command = :command)
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;
