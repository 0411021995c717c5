-- How far a transfer is, written in the transaction of the page that it has written. The write compares: of two processes
-- that do the same transfer, one finds that the transfer has moved on, and its page is rolled back.
-- Whose place it is, is decided under the row's lock. (Not ROW_COUNT(): see heartbeat.)
SELECT COALESCE(MAX(value = :expected), 0)
INTO @ours
FROM dbjobs_transfer
WHERE name = 'place'
FOR UPDATE;

UPDATE dbjobs_transfer
SET value = :value
WHERE name = 'place' AND @ours = 1;

SELECT name FROM dbjobs_transfer WHERE name = 'place' AND @ours = 1;
