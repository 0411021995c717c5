-- In front of statements that travel together to a server of a Galera cluster: whether they are inside a transaction.
SET @dbjobs_open = @@in_transaction;
