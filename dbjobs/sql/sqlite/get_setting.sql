SELECT value FROM dbjobs_setting WHERE name = :name;
