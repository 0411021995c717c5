-- Stands in front of every statement. Without NOCOUNT the counts of rows would hide the rows from the driver; without
-- XACT_ABORT a batch would go on behind a statement that failed; and whatever isolation level a caller's transaction (or
-- a handler's) has, ours are written for READ COMMITTED: above it a look would keep its locks, and READPAST is refused.
-- A transaction that began as SNAPSHOT may go down from it and come back. Inside a statement with parameters all these
-- settings end with it, so a caller's own connection keeps what it had.
SET NOCOUNT ON; SET XACT_ABORT ON; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
