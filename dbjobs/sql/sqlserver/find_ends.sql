-- How did these jobs end? Jobs that have not ended, and unknown ones, yield no row. READPAST: an end counts once it is
-- committed.
DECLARE @ids nvarchar(max) = :ids;
SELECT (
    SELECT e.id, e.state
    FROM (
        SELECT c.id, c.state
        FROM OPENJSON(@ids) WITH (id bigint '$') AS i
        JOIN dbjobs.completed_job AS c WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK) ON c.id = i.id
        UNION ALL
        SELECT f.id, f.state
        FROM OPENJSON(@ids) WITH (id bigint '$') AS i
        JOIN dbjobs.failed_job AS f WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK) ON f.id = i.id
    ) AS e
    FOR JSON PATH
) AS packed;
