-- How did these jobs end, and how long did they run? Like find_ends, with one more column. READPAST: an end counts once
-- it is committed.
DECLARE @ids nvarchar(max) = :ids;
SELECT (
    SELECT e.id, e.state, e.duration_ms
    FROM (
        SELECT c.id, c.state, c.duration_ms
        FROM OPENJSON(@ids) WITH (id bigint '$') AS i
        JOIN dbjobs.completed_job AS c WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK) ON c.id = i.id
        UNION ALL
        SELECT f.id, f.state, f.duration_ms
        FROM OPENJSON(@ids) WITH (id bigint '$') AS i
        JOIN dbjobs.failed_job AS f WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK) ON f.id = i.id
    ) AS e
    FOR JSON PATH
) AS packed;
