-- Stands in front of every statement. Without NOCOUNT the counts of rows would hide the rows from the driver; without
-- XACT_ABORT a batch would go on behind a statement that failed; and whatever isolation level a handler has set in its own
-- transaction, ours are written for READ COMMITTED: above it a look would keep its locks, UPDLOCK would lock gaps, and
-- READPAST is refused.
SET NOCOUNT ON; SET XACT_ABORT ON; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
