-- How far a transfer is, written in the transaction of the page that it has written. The write compares: of two processes
-- that do the same transfer, one finds that the transfer has moved on, and its page is rolled back.
DECLARE @value nvarchar(max) = :value, @expected nvarchar(max) = :expected;
UPDATE dbjobs.transfer
SET value = @value
OUTPUT inserted.name
WHERE name = N'place' AND value = @expected;
