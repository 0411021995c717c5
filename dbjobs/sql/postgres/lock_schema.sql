-- One at a time for migrations and partitions, until the end of the transaction. Never used as ownership.
SELECT pg_advisory_xact_lock(hashtextextended('dbjobs schema ' || :schema::text, 0));
