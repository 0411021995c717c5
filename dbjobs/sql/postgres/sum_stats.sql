-- Exact counts of a span (seconds since 1970, :until excluded), cut into steps: by queue and command on request, else
-- all together. A range of the primary key, which begins with the minute; as old rows are folded into hours and days, a
-- year is few of them.
SELECT
    :since::bigint + floor((extract(epoch FROM minute) - :since::bigint) / :step::bigint)::bigint * :step::bigint AS starts,
    CASE WHEN :apart::boolean THEN queue ELSE '' END AS queue,
    CASE WHEN :apart::boolean THEN command ELSE '' END AS command,
    sum(completed)::bigint AS completed, sum(failed)::bigint AS failed, sum(cancelled)::bigint AS cancelled,
    sum(retried)::bigint AS retried, sum(duration_ms) AS duration_ms
FROM dbjobs.job_stat
WHERE minute >= to_timestamp(:since::bigint) AND minute < to_timestamp(:until::bigint)
  AND (:queue::text IS NULL OR queue = :queue::text) AND (:command::text IS NULL OR command = :command::text)
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;
