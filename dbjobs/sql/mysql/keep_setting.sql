-- If two processes come at once, the first commit stands, and both read it with get_setting afterwards. Not INSERT
-- IGNORE: it would also hide errors.
INSERT INTO dbjobs_setting (name, value) VALUES (:name, :value) ON DUPLICATE KEY UPDATE name = name;
