-- Goes between statements that travel together to a Galera server: the next one must not run if the cluster has undone
-- the transaction meanwhile. The server reports an abort in its next answer, but a statement amid others that has sent
-- rows has none: its successors would commit by themselves. (A semicolon at the end of a line ends a statement in these
-- files, hence the lines' ends.)
BEGIN NOT ATOMIC
    IF @@in_transaction THEN SET @dbjobs_open = 1; ELSEIF @dbjobs_open THEN
        SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'the cluster has aborted the transaction'; END IF; END;
