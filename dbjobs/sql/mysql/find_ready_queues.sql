-- Queues with ready jobs that have no named worker, in the order of their names, after one of them. A skip scan (GROUP BY the
-- first column of the index `line`): the cost goes with the queues that have work and not with their jobs, nor with the
-- names that are known.
SELECT SUBSTRING(line, 3) AS queue
FROM (
    SELECT line
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line > CONCAT('q:', :after_queue) AND line < 'q;'
    GROUP BY line
    ORDER BY line
    LIMIT :limit
) ready;
