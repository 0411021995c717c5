DECLARE @name nvarchar(255) = :name;
SELECT (SELECT value FROM dbjobs.setting WHERE name = @name FOR JSON PATH) AS packed;
