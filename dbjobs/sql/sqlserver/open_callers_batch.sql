-- Stands in front of every statement on a caller's connection, where open_batch.sql stands on ours; see there for the
-- settings, which end with the statement.
--
-- A transaction takes the isolation level that it has at its first access to data. One that is to be SNAPSHOT must not have
-- ours then: when the caller's level comes back behind our statement, the transaction would fail (3951). So data is accessed
-- before our level is set: a table of one row, which nobody changes. (Babelfish refuses to change the level of a transaction
-- that has begun, and needs it less: its readers never wait.)
SET NOCOUNT ON; SET XACT_ABORT ON;
DECLARE @begun bit = (SELECT TOP (1) partitioned FROM dbjobs.history_layout);
IF SERVERPROPERTY('BabelfishVersion') IS NULL
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
