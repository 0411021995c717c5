-- Stands in front of every statement. Without NOCOUNT the counts of rows would hide the rows from the driver; without
-- XACT_ABORT a batch would go on behind a statement that failed. Inside a statement with parameters both settings end
-- with it, so a caller's own connection keeps what it had.
SET NOCOUNT ON; SET XACT_ABORT ON;
