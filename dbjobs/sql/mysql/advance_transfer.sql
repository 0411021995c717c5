-- How far a transfer is, written in the transaction of each page. The write compares: of two processes that do the same
-- transfer, one finds that it has moved on, and rolls its page back.
-- The row's lock decides whose place it is. (Not ROW_COUNT(): see heartbeat.)
SELECT COALESCE(MAX(value = :expected), 0)
INTO @ours
FROM dbjobs_transfer
WHERE name = 'place'
FOR UPDATE;

UPDATE dbjobs_transfer
SET value = :value
WHERE name = 'place' AND @ours = 1;

SELECT name FROM dbjobs_transfer WHERE name = 'place' AND @ours = 1;
