-- Logged requests of one month, for a transfer: the page after a key (at, tie).
SELECT *
FROM dbjobs.request_log
WHERE at >= :since::timestamptz AND at < :until::timestamptz
  AND (at, tie) > (:at::timestamptz, :tie::bigint)
ORDER BY at, tie
LIMIT :limit::integer;
