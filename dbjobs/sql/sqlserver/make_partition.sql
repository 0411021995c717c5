-- A month of history: {month} is 'YYYYMM', {from} and {to} are the first days of this month and the next, UTC. Where
-- history is partitioned, split_partition.sql goes on.
INSERT INTO dbjobs.history_month (month)
SELECT '{month}' WHERE NOT EXISTS (SELECT 1 FROM dbjobs.history_month WHERE month = '{month}');
SELECT N'split_partition' AS next FROM dbjobs.history_layout WHERE partitioned = 1;
