-- Retention: whole months go, never rows. The lock on the parents is short; if it cannot be had at once it is tried
-- again later rather than wait in front of those who write.
SET LOCAL lock_timeout = '2s';
DROP TABLE IF EXISTS dbjobs.request_log_{month};
DROP TABLE IF EXISTS dbjobs.request_stat_{month};
