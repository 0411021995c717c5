-- Logged requests of one month, for a transfer: the page after a key (at, tie).
-- @requests
SELECT *
FROM request_log
WHERE (at, tie) > (:at, :tie)
ORDER BY at, tie
LIMIT :limit;
