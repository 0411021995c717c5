-- Settings with names between two others, by the primary key; locks nothing.
SELECT name, value
FROM dbjobs.setting
WHERE name >= :first AND name < :last
ORDER BY name
LIMIT :limit::integer;
