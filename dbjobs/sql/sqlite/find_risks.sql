-- Settings under which the file may lose commits. Our connections have none (open_connection.sql).
SELECT 'synchronous' AS setting, CAST(synchronous AS TEXT) AS value, '2' AS wanted
FROM pragma_synchronous
WHERE synchronous < 2;
