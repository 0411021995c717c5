-- Goes before every statement. Without NOCOUNT the row counts would hide the rows from the driver; without XACT_ABORT a
-- batch would go on after a failed statement; and whatever isolation level a handler set in its own transaction, our
-- statements are written for READ COMMITTED: above it a look would keep its locks, UPDLOCK would lock gaps, and the
-- server refuses READPAST.
SET NOCOUNT ON; SET XACT_ABORT ON; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
