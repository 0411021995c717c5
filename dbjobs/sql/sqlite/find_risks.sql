-- Settings with which the file may lose what was committed to it. Our connections have none (open_connection.sql).
SELECT 'synchronous' AS setting, CAST(synchronous AS TEXT) AS value, '2' AS wanted
FROM pragma_synchronous
WHERE synchronous < 2;
