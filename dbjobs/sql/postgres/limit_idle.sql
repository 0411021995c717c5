-- For the rest of this transaction, how long it may wait for our next statement. A handler may take its time between its
-- own statements; from our first one on the transaction holds its job's row, and a process that is suspended before the
-- COMMIT must not keep it from a rescuer for longer than a lease.
SELECT set_config('idle_in_transaction_session_timeout', :milliseconds, true) AS applied;
