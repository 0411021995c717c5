-- Deletes old entries, some at a time, oldest first: the primary key is in time order.
DELETE FROM dbjobs.audit
WHERE id IN (SELECT id FROM dbjobs.audit ORDER BY id LIMIT 5000)
  AND at < clock_timestamp() - :seconds::double precision * interval '1 second';
