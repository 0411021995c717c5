DELETE FROM dbjobs.scheduled_task WHERE name = :name::text RETURNING name;
