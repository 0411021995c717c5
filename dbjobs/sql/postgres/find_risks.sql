-- Settings, in force for this session, with which the server may lose what it has committed.
SELECT s.name AS setting, s.setting AS value, 'on' AS wanted
FROM pg_settings AS s
WHERE s.name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND s.setting = 'off'
ORDER BY s.name;
