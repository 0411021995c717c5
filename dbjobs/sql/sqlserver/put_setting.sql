-- The lock on the gap keeps others from making the same setting between the two statements.
DECLARE @name nvarchar(255) = :name, @value nvarchar(max) = :value;
BEGIN TRANSACTION;
UPDATE dbjobs.setting WITH (UPDLOCK, SERIALIZABLE)
SET value = @value, changed_at = SYSUTCDATETIME()
WHERE name = @name;
IF @@ROWCOUNT = 0
    INSERT INTO dbjobs.setting (name, value) VALUES (@name, @value);
COMMIT TRANSACTION;
