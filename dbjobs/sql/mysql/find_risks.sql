-- Settings under which the server may lose commits. 3 is MariaDB's: as safe as 1. With a binary log, recovery undoes a
-- transaction that is not in it.
SELECT 'innodb_flush_log_at_trx_commit' AS setting, CAST(@@GLOBAL.innodb_flush_log_at_trx_commit AS CHAR) AS value,
    '1' AS wanted
FROM DUAL
WHERE @@GLOBAL.innodb_flush_log_at_trx_commit NOT IN (1, 3)
UNION ALL
SELECT 'sync_binlog', CAST(@@GLOBAL.sync_binlog AS CHAR), '1'
FROM DUAL
WHERE @@GLOBAL.log_bin = 1 AND @@GLOBAL.sync_binlog <> 1;
