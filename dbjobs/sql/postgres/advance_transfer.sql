-- How far a transfer is, written in the transaction of each page. The write compares: of two processes that do the same
-- transfer, one finds that it has moved on, and rolls its page back.
UPDATE dbjobs.transfer
SET value = :value::text
WHERE name = 'place' AND value = :expected::text
RETURNING name;
