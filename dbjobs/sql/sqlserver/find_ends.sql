-- How did these jobs end? Jobs that have not ended, and unknown ones, yield no row.
DECLARE @ids nvarchar(max) = :ids;
DECLARE @wanted TABLE (id bigint NOT NULL PRIMARY KEY);
INSERT INTO @wanted (id) SELECT DISTINCT i.id FROM OPENJSON(@ids) WITH (id bigint '$') AS i;
SELECT (
    SELECT e.id, e.state
    FROM (
        SELECT c.id, c.state FROM @wanted AS w JOIN dbjobs.completed_job AS c WITH (FORCESEEK) ON c.id = w.id
        UNION ALL
        SELECT f.id, f.state FROM @wanted AS w JOIN dbjobs.failed_job AS f WITH (FORCESEEK) ON f.id = w.id
    ) AS e
    FOR JSON PATH
) AS packed;
