-- One at a time for migrations and partitions, until the end of the transaction. Never used as ownership. Nodes that
-- start together wait for the first one's migration: longer than our connections otherwise wait for a lock.
SELECT set_config('lock_timeout', '30s', true),
    pg_advisory_xact_lock(hashtextextended('dbjobs schema ' || :schema::text, 0));
