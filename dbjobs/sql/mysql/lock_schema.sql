-- One at a time for migrations and partitions. Never used as ownership. The lock belongs to the connection, because DDL
-- commits: release_locks gives it back. Names of such locks belong to the server, not the database, and are short.
SELECT GET_LOCK(CONCAT('jobs ', SHA2(CONCAT(DATABASE(), '.dbjobs_'), 224)), 600) AS locked;
