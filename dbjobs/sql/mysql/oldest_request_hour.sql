-- The oldest hour of a month that is not folded into its day yet.
SELECT DATE_FORMAT(hour, '%Y-%m-%d %H:%i:%s') AS hour
FROM dbjobs_request_stat s FORCE INDEX (loose)
WHERE folded = 0 AND month = :month AND hour >= :since AND hour < :until
ORDER BY s.hour
LIMIT 1;
