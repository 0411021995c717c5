-- Logged requests of one month, for a transfer: the page after a key (at, tie).
SELECT *
FROM dbjobs_request_log
WHERE month = CAST(:month AS SIGNED) AND at >= :at
  AND (at > :at OR tie > :tie)
ORDER BY at, tie
LIMIT :limit;
