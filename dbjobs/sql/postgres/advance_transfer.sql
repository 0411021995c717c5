-- How far a transfer is, written in the transaction of the page that it has written. The write compares: of two processes
-- that do the same transfer, one finds that the transfer has moved on, and its page is rolled back.
UPDATE dbjobs.transfer
SET value = :value::text
WHERE name = 'place' AND value = :expected::text
RETURNING name;
