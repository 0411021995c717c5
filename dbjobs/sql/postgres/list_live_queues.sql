-- The queues of the next live jobs by id, whatever their state, each with the last id seen: one slice of a look over
-- all jobs. No index has the queue of a scheduled or running job, and one more would cost every job. So this runs only
-- while there are queues to drop, and the primary key bounds a slice.
SELECT queue, max(id) AS last_id
FROM (
    SELECT id, queue FROM dbjobs.background_job WHERE id > :after_id::bigint ORDER BY id LIMIT :limit::integer
) slice
GROUP BY queue;
