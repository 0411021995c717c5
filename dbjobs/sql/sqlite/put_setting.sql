INSERT INTO dbjobs_setting (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = strftime('%Y-%m-%d %H:%M:%f', 'now');
