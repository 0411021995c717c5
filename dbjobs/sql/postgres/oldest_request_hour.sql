-- The oldest hour of a month that is not folded into its day yet. An index with only such rows serves it.
SELECT to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS hour
FROM dbjobs.request_stat
WHERE NOT folded AND hour >= (:since::text || '+00')::timestamptz AND hour < (:until::text || '+00')::timestamptz
ORDER BY request_stat.hour
LIMIT 1;
