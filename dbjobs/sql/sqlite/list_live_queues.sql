-- The queues of the next live jobs by id, whatever their state, each with the last id seen: one slice of a look over all of
-- them. No index knows the queue of a scheduled or running job, and one more would cost every job; so this is asked only
-- while there are queues to forget, and a slice is bounded by the primary key.
SELECT queue, max(id) AS last_id
FROM (SELECT id, queue FROM dbjobs_background_job WHERE id > :after_id ORDER BY id LIMIT :limit)
GROUP BY queue;
