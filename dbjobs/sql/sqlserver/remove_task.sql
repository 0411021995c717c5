-- By key, in one statement, so the row lock is short.
DECLARE @name nvarchar(510) = :name;
DELETE FROM dbjobs.scheduled_task
OUTPUT deleted.name
WHERE name = @name;
