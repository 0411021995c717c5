-- Makes a month known (see make_partition.sql). This batch commits by itself: finishing jobs of the month wait for its
-- row, so no client may hold that.
INSERT INTO dbjobs.history_month (month)
SELECT '{month}' WHERE NOT EXISTS (SELECT 1 FROM dbjobs.history_month WHERE month = '{month}');
COMMIT TRANSACTION;
BEGIN TRANSACTION;
