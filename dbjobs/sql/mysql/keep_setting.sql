-- If two processes come first at once, the first commit stands, and both read it with get_setting afterwards. Not INSERT
-- IGNORE: it would also swallow what is wrong.
INSERT INTO dbjobs_setting (name, value) VALUES (:name, :value) ON DUPLICATE KEY UPDATE name = name;
