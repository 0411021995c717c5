-- How many requests the log has counted since an hour: it differs once a request was written, wherever its line stands (one
-- that took long stands below younger ones). The roll-up 'day' has a row an hour for each process that writes, so a look
-- reads few rows, along request_stat_key. READPAST: it does not wait for an uncommitted batch.
DECLARE @since datetime2(6) = :since;
SELECT COALESCE(SUM(requests), 0) AS requests
FROM dbjobs.request_stat WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX (request_stat_key))
WHERE kind = N'day' AND detail_kind = N'' AND hour >= @since;
