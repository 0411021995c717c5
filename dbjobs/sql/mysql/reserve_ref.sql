-- May we insert this key now? `reserved`: nobody else may until release_locks, on this connection. Run on our own
-- connection, outside a transaction.
--
-- Why: an INSERT whose key is taken, or is being taken, locks the gap in front of that key to the end of its transaction
-- (always under REPEATABLE READ, after a rollback of the other one's under any level), and callers who want other keys
-- would wait for it. So nobody inserts a key that somebody else has inserted: we look for it first, including
-- uncommitted keys, under a named lock. Only callers who want the very same key wait for that lock.
SELECT GET_LOCK(CONCAT('ref ', SHA2(CONCAT(CONVERT(DATABASE() USING utf8mb4), '.dbjobs_', :ref_id), 224)), 0) INTO @reserved;

SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED;

SELECT @reserved = 1 AND COUNT(*) = 0 AS reserved FROM dbjobs_job_ref WHERE ref_id = :ref_id;
