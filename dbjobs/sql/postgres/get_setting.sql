SELECT value FROM dbjobs.setting WHERE name = :name;
