-- The queues of the next live jobs by id, whatever their state, each with the last id seen: one slice of a look over
-- all jobs. No index has the queue of a scheduled or running job, and one more would cost every job. So this runs only
-- while there are queues to drop, and the primary key bounds a slice. Without locks.
SELECT queue, MAX(id) AS last_id
FROM (
    SELECT id, queue
    FROM dbjobs_background_job FORCE INDEX (PRIMARY)
    WHERE id > :after_id
    ORDER BY id
    LIMIT :limit
) slice
GROUP BY queue;
