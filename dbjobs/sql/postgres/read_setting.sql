-- What the admin page keeps, for a transfer: the page after a key (name).
SELECT *
FROM dbjobs.setting
WHERE name > :name::text
ORDER BY name
LIMIT :limit::integer;
