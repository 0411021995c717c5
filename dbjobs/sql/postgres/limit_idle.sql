-- Limits, for the rest of this transaction, how long it may wait for our next statement. A handler may take its time
-- between its own statements; but from our first one the transaction holds its job's row, and a process suspended
-- before the COMMIT must not keep that from a rescuer for longer than a lease.
SELECT set_config('idle_in_transaction_session_timeout', :milliseconds, true) AS applied;
