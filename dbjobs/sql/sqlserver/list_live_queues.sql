-- The queues of the next live jobs by id, whatever their state, each with the last id seen: one slice of a look over
-- all jobs. No index has the queue of a scheduled or running job, and one more would cost every job. So this runs only
-- while there are queues to drop, and the primary key bounds a slice. NOLOCK: it waits for nobody, and an uncommitted
-- job counts.
DECLARE @after_id bigint = :after_id, @limit int = :limit;
SELECT slice.queue, MAX(slice.id) AS last_id
FROM (
    SELECT TOP (@limit) id, queue
    FROM dbjobs.background_job WITH (NOLOCK, FORCESEEK, INDEX (background_job_pkey))
    WHERE id > @after_id
    ORDER BY id
) AS slice
GROUP BY slice.queue;
