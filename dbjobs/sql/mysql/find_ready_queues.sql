-- Queues with ready jobs that have no named worker, by name, after one of them. A skip scan (GROUP BY the first column
-- of the index `line`): the cost grows with the queues that have work, not with their jobs or with the known names.
SELECT SUBSTRING(line, 3) AS queue
FROM (
    SELECT line
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line > CONCAT('q:', :after_queue) AND line < 'q;'
    GROUP BY line
    ORDER BY line
    LIMIT :limit
) ready;
