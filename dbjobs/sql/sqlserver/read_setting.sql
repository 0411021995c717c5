-- What the admin page keeps, for a transfer: the page after a key (name).
DECLARE @name nvarchar(510) = :name, @limit int = :limit;
SELECT TOP (@limit) *
FROM dbjobs.setting
WHERE name > @name
ORDER BY name;
