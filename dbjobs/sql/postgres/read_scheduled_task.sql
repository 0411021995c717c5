-- Scheduled tasks, for a transfer: the page after a key (name).
SELECT *
FROM dbjobs.scheduled_task
WHERE name > :name::text
ORDER BY name
LIMIT :limit::integer;
