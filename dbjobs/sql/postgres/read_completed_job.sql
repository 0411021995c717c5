-- Completed jobs of one month, for a transfer: the page after a key (id).
SELECT *
FROM dbjobs.completed_job
WHERE created_at >= :since::timestamptz AND created_at < :until::timestamptz
  AND id > :id::bigint
ORDER BY id
LIMIT :limit::integer;
