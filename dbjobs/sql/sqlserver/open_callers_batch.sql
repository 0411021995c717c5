-- Stands in front of open_batch.sql in every statement on a caller's connection. A transaction takes the isolation level
-- that it has at its first access to data. One that is to be SNAPSHOT must not have ours then: when the caller's level comes
-- back behind our statement, the transaction would fail (3951). So data is accessed before our level is set: a table of one
-- row, which nobody changes.
DECLARE @begun bit = (SELECT TOP (1) partitioned FROM dbjobs.history_layout);
