-- A month is made known (see make_partition.sql). Committed here, not when the client comes to it: those who finish jobs of
-- this month wait for its row.
INSERT INTO dbjobs.history_month (month)
SELECT '{month}' WHERE NOT EXISTS (SELECT 1 FROM dbjobs.history_month WHERE month = '{month}');
COMMIT TRANSACTION;
BEGIN TRANSACTION;
