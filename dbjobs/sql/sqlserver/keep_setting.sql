-- If two processes come at once, the lock on the gap lets one of them insert, and both read it with get_setting
-- afterwards.
DECLARE @name nvarchar(255) = :name, @value nvarchar(max) = :value;
INSERT INTO dbjobs.setting (name, value)
SELECT @name, @value
WHERE NOT EXISTS (SELECT 1 FROM dbjobs.setting AS s WITH (UPDLOCK, SERIALIZABLE) WHERE s.name = @name);
