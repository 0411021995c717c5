-- By key, in one statement: the row is locked for no longer.
DECLARE @name nvarchar(510) = :name;
DELETE FROM dbjobs.scheduled_task
OUTPUT deleted.name
WHERE name = @name;
