SELECT minute, queue, command, sum(completed)::bigint AS completed, sum(failed)::bigint AS failed,
    sum(cancelled)::bigint AS cancelled, sum(retried)::bigint AS retried, sum(duration_ms) AS duration_ms
FROM dbjobs.job_stat
WHERE minute >= statement_timestamp() - :seconds::double precision * interval '1 second'
GROUP BY minute, queue, command
ORDER BY minute, queue, command;
