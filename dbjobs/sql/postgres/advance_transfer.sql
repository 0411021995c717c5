-- How far a transfer is, written in the transaction of the page that it has written. By comparing: of two processes
-- that do the same transfer, one finds that it is not where it was, and its page is rolled back.
UPDATE dbjobs.transfer
SET value = :value::text
WHERE name = 'place' AND value = :expected::text
RETURNING name;
