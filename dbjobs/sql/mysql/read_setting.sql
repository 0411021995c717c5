-- What the admin page keeps, for a transfer: the page after a key (name).
SELECT *
FROM dbjobs_setting
WHERE name > :name
ORDER BY name
LIMIT :limit;
