-- Scheduled tasks, for a transfer: the page after a key (name).
DECLARE @name nvarchar(510) = :name, @limit int = :limit;
SELECT TOP (@limit) *
FROM dbjobs.scheduled_task
WHERE name > @name
ORDER BY name;
