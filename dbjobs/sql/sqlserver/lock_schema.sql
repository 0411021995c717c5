-- One at a time for migrations and partitions, until the end of the transaction. Never used as ownership.
DECLARE @schema nvarchar(100) = :schema, @resource nvarchar(255), @lock int;
SET @resource = CONCAT(N'dbjobs schema ', @schema);
EXEC @lock = sp_getapplock @Resource = @resource, @LockMode = N'Exclusive', @LockOwner = N'Transaction',
    @LockTimeout = 30000;
IF @lock < 0 THROW 50002, N'another process is changing the tables', 1;
