-- May this key be inserted now? `reserved`: nobody else may until release_locks, on this connection. Run on a connection of our
-- own, outside of a transaction.
--
-- Why: an INSERT whose key is taken, or is being taken, locks the gap in front of that key to the end of its transaction
-- (always under REPEATABLE READ, after a rollback of the other one's under any level), and callers who want other keys
-- would wait for it. So nobody inserts a key that somebody else has inserted: it is looked for first, uncommitted ones
-- included, under a lock by name, for which only those wait who want the very same key.
SELECT GET_LOCK(CONCAT('ref ', SHA2(CONCAT(CONVERT(DATABASE() USING utf8mb4), '.dbjobs_', :ref_id), 224)), 0) INTO @reserved;

SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED;

SELECT @reserved = 1 AND COUNT(*) = 0 AS reserved FROM dbjobs_job_ref WHERE ref_id = :ref_id;
