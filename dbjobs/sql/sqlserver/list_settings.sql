-- Settings with names between two others, by the primary key.
DECLARE @first nvarchar(255) = :first, @last nvarchar(255) = :last, @limit int = :limit;
SELECT (
    SELECT TOP (@limit) name, value
    FROM dbjobs.setting
    WHERE name >= @first AND name < @last
    ORDER BY name
    FOR JSON PATH
) AS packed;
