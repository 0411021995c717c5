-- The oldest hour of a month that is not summed up to its day yet. Served by an index that holds only such rows.
-- @requests
SELECT hour
FROM request_stat
WHERE folded = 0 AND hour >= :since AND hour < :until
ORDER BY hour
LIMIT 1;
