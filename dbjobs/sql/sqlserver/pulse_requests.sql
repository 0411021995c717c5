-- How many requests the log has counted since an hour: that changes with every written request, wherever its line goes
-- (a long one goes below younger ones). The roll-up 'day' has a row per hour and writing process, so a look reads few
-- rows, along request_stat_key. READPAST: it does not wait for an uncommitted batch.
DECLARE @since datetime2(6) = :since;
SELECT COALESCE(SUM(requests), 0) AS requests
FROM dbjobs.request_stat WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX (request_stat_key))
WHERE kind = N'day' AND detail_kind = N'' AND hour >= @since;
