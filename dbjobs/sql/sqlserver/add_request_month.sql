-- A month is made known (see make_request_month.sql). Committed here, not when the client comes to it.
INSERT INTO dbjobs.request_month (month)
SELECT '{month}' WHERE NOT EXISTS (SELECT 1 FROM dbjobs.request_month WHERE month = '{month}');
COMMIT TRANSACTION;
BEGIN TRANSACTION;
