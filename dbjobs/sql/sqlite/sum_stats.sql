-- Exact counts of a span (seconds since 1970, :until excluded), cut into steps: by queue and command on request, else
-- all together. A range of the primary key, which begins with the minute; as old rows are folded into hours and days, a
-- year is few of them.
SELECT :since + (unixepoch(minute) - :since) / :step * :step AS starts,
    CASE WHEN :apart THEN queue ELSE '' END AS queue, CASE WHEN :apart THEN command ELSE '' END AS command,
    sum(completed) AS completed, sum(failed) AS failed, sum(cancelled) AS cancelled, sum(retried) AS retried,
    sum(duration_ms) AS duration_ms
FROM dbjobs_job_stat
WHERE minute >= strftime('%Y-%m-%d %H:%M:%f', :since, 'unixepoch')
  AND minute < strftime('%Y-%m-%d %H:%M:%f', :until, 'unixepoch')
  AND (:queue IS NULL OR queue = :queue) AND (:command IS NULL OR command = :command)
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;
