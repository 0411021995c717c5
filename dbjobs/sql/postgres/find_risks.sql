-- Settings of this session under which the server may lose commits.
SELECT s.name AS setting, s.setting AS value, 'on' AS wanted
FROM pg_settings AS s
WHERE s.name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND s.setting = 'off'
ORDER BY s.name;
