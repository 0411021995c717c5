-- Retention: whole months go, never rows. The lock on the parents is short; if it is not free at once, it is tried
-- again later instead of queueing up ahead of writers.
SET LOCAL lock_timeout = '2s';
DROP TABLE IF EXISTS dbjobs.request_log_{month};
DROP TABLE IF EXISTS dbjobs.request_stat_{month};
