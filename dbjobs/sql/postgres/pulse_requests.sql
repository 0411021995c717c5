-- How many requests the log has counted since an hour: that changes with every written request, wherever its line goes
-- (a long one goes below younger ones). The roll-up 'day' has a row per hour and writing process, so a look reads few
-- rows, along the primary key; it locks nothing.
SELECT coalesce(sum(requests), 0)::bigint AS requests
FROM dbjobs.request_stat
WHERE kind = 'day' AND detail_kind = '' AND hour >= (:since::text || '+00')::timestamptz;
