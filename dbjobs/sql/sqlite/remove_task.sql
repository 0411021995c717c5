DELETE FROM dbjobs_scheduled_task WHERE name = :name RETURNING name;
