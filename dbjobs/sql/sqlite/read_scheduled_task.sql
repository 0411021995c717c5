-- Scheduled tasks, for a transfer: the page after a key (name).
SELECT *
FROM dbjobs_scheduled_task
WHERE name > :name
ORDER BY name
LIMIT :limit;
