-- The oldest hour of a month that is not folded into its day yet. An index with only such rows serves it.
-- @requests
SELECT hour
FROM request_stat
WHERE folded = 0 AND hour >= :since AND hour < :until
ORDER BY hour
LIMIT 1;
