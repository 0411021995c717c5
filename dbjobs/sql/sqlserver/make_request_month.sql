-- A month of the request log and its roll-ups: see make_partition.
SELECT CASE WHEN partitioned = 1 THEN N'split_request_month' ELSE N'add_request_month' END AS next
FROM dbjobs.history_layout;
