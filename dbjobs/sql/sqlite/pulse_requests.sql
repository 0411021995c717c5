-- How many requests the log has counted since an hour: that changes with every written request, wherever its line goes
-- (a long one goes below younger ones). The roll-up 'day' has a row per hour and writing process, so a look reads few
-- rows, along the primary key. A month without a file has no rows.
-- @requests
SELECT coalesce(sum(requests), 0) AS requests
FROM request_stat
WHERE kind = 'day' AND detail_kind = '' AND hour >= :since;
