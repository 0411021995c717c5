-- How far a transfer is, written in the transaction of each page. The write compares: of two processes that do the same
-- transfer, one finds that it has moved on, and rolls its page back.
DECLARE @value nvarchar(max) = :value, @expected nvarchar(max) = :expected;
UPDATE dbjobs.transfer
SET value = @value
OUTPUT inserted.name
WHERE name = N'place' AND value = @expected;
