-- One at a time for migrations and partitions. Never used as ownership. The lock belongs to the connection, because
-- DDL commits: release_locks gives it back. Names of such locks are the server's, not the database's, and short.
SELECT GET_LOCK(CONCAT('jobs ', SHA2(CONCAT(DATABASE(), '.dbjobs_'), 224)), 600) AS locked;
