-- Goes before every statement on a caller's connection, as open_batch.sql does on ours; see there for the settings,
-- which end with the statement.
--
-- A transaction keeps the isolation level of its first access to data. If the caller wants SNAPSHOT, that access must
-- not be at our level: once the caller's level is back after our statement, the transaction would fail (3951). So we
-- access data before we set our level: a table of one row, which nobody changes. (Babelfish refuses to change the level
-- of a transaction that has begun, and needs it less: its readers never wait.)
SET NOCOUNT ON; SET XACT_ABORT ON;
DECLARE @begun bit = (SELECT TOP (1) partitioned FROM dbjobs.history_layout);
IF SERVERPROPERTY('BabelfishVersion') IS NULL
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
