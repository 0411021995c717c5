-- Sets up each of our connections in one round trip, whatever the server, a role or a proxy set for it. Every sql_mode
-- allows all these values, so the order does not matter to the server; the mode comes first because it decides how the
-- server reads texts.
--
-- * Strict, so that nothing is cut off silently; and nothing else, so that quotes and backslashes keep our meaning.
SET SESSION sql_mode = 'STRICT_TRANS_TABLES';
SET NAMES utf8mb4;
-- * READ COMMITTED, because gap locks would let queues deadlock.
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
-- * One COMMIT ends a transaction, and nothing else: no chain, no disconnect.
-- * A wait for a lock ends before our own limit for the statement (:lock_seconds).
-- * No limit on rows, on the rows that a join may read, on the length of an aggregate, or on the time of a statement:
--   with one, a claim would find less than there is, or nothing. Our own limit ends a statement that hangs.
-- * MariaDB ends a connection that leaves a transaction idle for :idle_seconds (0: never): a process suspended in the
--   middle of one holds its locks no longer than that. MySQL has no such limit.
-- Each server takes the comment of the other one for a comment.
SET SESSION autocommit = 1, completion_type = 0, time_zone = '+00:00',
    innodb_lock_wait_timeout = :lock_seconds, lock_wait_timeout = :lock_seconds,
    sql_select_limit = 18446744073709551615, max_join_size = 18446744073709551615, sql_big_selects = 1,
    group_concat_max_len = 1073741824, max_sort_length = 1024,
    sql_safe_updates = 0, sql_auto_is_null = 0, foreign_key_checks = 1, unique_checks = 1
    /*!80000 , max_execution_time = 0 */
    /*M!100600 , max_statement_time = 0, sql_if_exists = 0, idle_transaction_timeout = :idle_seconds,
        idle_readonly_transaction_timeout = 0, idle_write_transaction_timeout = 0 */;

-- Whether this is a Galera server; no row if the server knows nothing about clusters.
SHOW GLOBAL VARIABLES LIKE 'wsrep_on';
