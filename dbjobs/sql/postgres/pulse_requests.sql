-- How many requests the log has counted since an hour: it differs once a request was written, wherever its line stands (one
-- that took long stands below younger ones). The roll-up 'day' has a row an hour for each process that writes, so a look
-- reads few rows, along the primary key; it locks nothing.
SELECT coalesce(sum(requests), 0)::bigint AS requests
FROM dbjobs.request_stat
WHERE kind = 'day' AND detail_kind = '' AND hour >= (:since::text || '+00')::timestamptz;
