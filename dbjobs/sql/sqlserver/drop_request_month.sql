-- Retention: {month} is 'YYYYMM'. If history is partitioned, the whole month goes at once; otherwise its rows do.
SELECT CASE WHEN partitioned = 1 THEN N'truncate_request_month' ELSE N'delete_request_month' END AS next
FROM dbjobs.history_layout;
