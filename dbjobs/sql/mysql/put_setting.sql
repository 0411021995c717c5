INSERT INTO dbjobs_setting (name, value) VALUES (:name, :value)
ON DUPLICATE KEY UPDATE value = :value, changed_at = UTC_TIMESTAMP(6);
