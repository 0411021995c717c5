-- Every connection of ours, whatever the server's defaults are: READ COMMITTED, because gap locks would let queues
-- deadlock; strict, so that nothing is cut off silently; waits for locks that end before our patience does.
SET NAMES utf8mb4;
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET SESSION autocommit = 1, sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00',
    innodb_lock_wait_timeout = 20, lock_wait_timeout = 20, group_concat_max_len = 4294967295;

-- Whether this is a server of a Galera cluster; no row where the server knows nothing of clusters.
SHOW GLOBAL VARIABLES LIKE 'wsrep_on';
