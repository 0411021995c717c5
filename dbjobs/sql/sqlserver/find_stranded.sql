-- Waiting jobs that would wait for ever: they count more parents than they have live ones. There can be none. A look
-- without one snapshot may fall between a parent's end and the release of its children; so there is a second look at
-- what the first has found. READPAST: an enqueue that is not committed is not waited for.
DECLARE @limit int = :limit;
DECLARE @suspect TABLE (id bigint NOT NULL PRIMARY KEY);
INSERT INTO @suspect (id)
SELECT j.id
FROM dbjobs.background_job AS j WITH (READPAST, READCOMMITTEDLOCK)
WHERE j.state = N'waiting'
  AND (
      j.pending <= 0
      OR j.pending > (
          SELECT COUNT(*)
          FROM dbjobs.job_dependency AS d
          JOIN dbjobs.background_job AS p ON p.id = d.parent_id
          WHERE d.child_id = j.id
      )
  );
SELECT TOP (@limit) j.id
FROM @suspect AS s
JOIN dbjobs.background_job AS j WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK) ON j.id = s.id
WHERE j.state = N'waiting'
  AND (
      j.pending <= 0
      OR j.pending > (
          SELECT COUNT(*)
          FROM dbjobs.job_dependency AS d
          JOIN dbjobs.background_job AS p ON p.id = d.parent_id
          WHERE d.child_id = j.id
      )
  )
ORDER BY j.id;
