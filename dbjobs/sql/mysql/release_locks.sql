-- Locks by name (lock_schema, reserve_ref, hold_ref) are the connection's and outlive a transaction.
SELECT RELEASE_ALL_LOCKS() AS released;
