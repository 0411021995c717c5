INSERT INTO dbjobs.setting (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = clock_timestamp();
