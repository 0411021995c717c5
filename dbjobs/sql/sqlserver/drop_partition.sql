-- Retention: {month} is 'YYYYMM'. Where history is partitioned the whole month goes (truncate_partition.sql); else its
-- rows do. Taking the month's row waits for those who are writing to it (they hold that row), at most so long.
SET LOCK_TIMEOUT 2000;
DELETE FROM dbjobs.history_month WHERE month = '{month}';
SET LOCK_TIMEOUT 30000;
SELECT CASE WHEN partitioned = 1 THEN N'truncate_partition' ELSE N'delete_month' END AS next FROM dbjobs.history_layout;
