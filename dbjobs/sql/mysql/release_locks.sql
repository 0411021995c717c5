-- Named locks (lock_schema, reserve_ref, hold_ref) belong to the connection and outlive a transaction.
SELECT RELEASE_ALL_LOCKS() AS released;
