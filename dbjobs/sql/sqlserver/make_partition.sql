-- Makes a month of history: {month} is 'YYYYMM', {from} and {to} are the first days of this month and the next, UTC. If
-- history is partitioned, the month gets a partition first; then it is made known (add_month.sql).
SELECT CASE WHEN partitioned = 1 THEN N'split_partition' ELSE N'add_month' END AS next FROM dbjobs.history_layout;
