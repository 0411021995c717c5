-- Makes a month known (see make_request_month.sql). It commits here, not when the client gets to it.
INSERT INTO dbjobs.request_month (month)
SELECT '{month}' WHERE NOT EXISTS (SELECT 1 FROM dbjobs.request_month WHERE month = '{month}');
COMMIT TRANSACTION;
BEGIN TRANSACTION;
