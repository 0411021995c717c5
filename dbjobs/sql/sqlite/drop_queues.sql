-- Drops those of these queues that still have no settings and were not used meanwhile. Only the list of queues loses
-- them; no claim needs the row (see find_ready_queues).
DELETE FROM dbjobs_job_queue
WHERE queue IN (SELECT value FROM json_each(:queues)) AND NOT paused AND concurrency IS NULL
  AND used_at < strftime('%Y-%m-%d %H:%M:%f', 'now', -:seconds || ' seconds');

SELECT changes() AS dropped;
