-- Drops those of these queues that still have no settings and were not used meanwhile: it checks the condition again
-- under the row's lock, in one transaction and one round trip. Only the list of queues loses them; no claim needs the
-- row (see find_ready_queues). By key; it skips a locked row, which somebody is using or setting.
SELECT COALESCE(JSON_ARRAYAGG(q.queue), '[]'), COUNT(q.queue)
INTO @unused, @dropped
FROM dbjobs_job_queue q FORCE INDEX (PRIMARY)
WHERE q.queue IN (:queues) AND q.paused = 0 AND q.concurrency IS NULL
  AND q.used_at < UTC_TIMESTAMP(6) - INTERVAL :seconds * 1000000 MICROSECOND
FOR UPDATE SKIP LOCKED;

DELETE q
FROM JSON_TABLE(@unused, '$[*]' COLUMNS (queue VARCHAR(255) CHARACTER SET utf8mb4 PATH '$')) AS t
STRAIGHT_JOIN dbjobs_job_queue q FORCE INDEX (PRIMARY) ON q.queue = CONVERT(t.queue USING utf8mb4);

SELECT d.dropped FROM (SELECT @dropped AS dropped) d;
