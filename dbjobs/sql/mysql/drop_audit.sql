-- Deletes old entries, some at a time, oldest first: the primary key is in time order.
DELETE a
FROM dbjobs_audit a
JOIN (SELECT id FROM dbjobs_audit ORDER BY id LIMIT 5000) oldest ON oldest.id = a.id
WHERE a.at < UTC_TIMESTAMP(6) - INTERVAL :seconds * 1000000 MICROSECOND;
