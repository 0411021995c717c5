SELECT minute, queue, command, sum(completed) AS completed, sum(failed) AS failed, sum(cancelled) AS cancelled,
    sum(retried) AS retried, sum(duration_ms) AS duration_ms
FROM dbjobs_job_stat
WHERE minute >= strftime('%Y-%m-%d %H:%M:%f', 'now', -:seconds || ' seconds')
GROUP BY minute, queue, command
ORDER BY minute, queue, command;
