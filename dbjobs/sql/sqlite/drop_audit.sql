-- Deletes old entries, some at a time, oldest first: the primary key is in time order.
DELETE FROM dbjobs_audit
WHERE id IN (SELECT id FROM dbjobs_audit ORDER BY id LIMIT 5000)
  AND at < strftime('%Y-%m-%d %H:%M:%f', 'now', -:seconds || ' seconds');
