-- Finds waiting jobs that would wait for ever: nothing is left to resolve, and they count more parents than they have
-- live or recently ended ones (ended_parent). There should be none. A look without a single snapshot may fall between a
-- parent's end and the release of its children; so a second look checks what the first one found.
-- READPAST and NOLOCK: it waits for nobody.
DECLARE @limit int = :limit;
DECLARE @suspect TABLE (id bigint NOT NULL PRIMARY KEY);
INSERT INTO @suspect (id)
SELECT j.id
FROM dbjobs.background_job AS j WITH (READPAST, READCOMMITTEDLOCK)
WHERE j.state = N'waiting'
  AND j.unresolved = 0
  AND (
      j.pending <= 0
      OR j.pending > (
          SELECT COUNT(*)
          FROM dbjobs.job_dependency AS d WITH (NOLOCK)
          LEFT JOIN dbjobs.background_job AS p WITH (NOLOCK) ON p.id = d.parent_id
          LEFT JOIN dbjobs.ended_parent AS e WITH (NOLOCK) ON e.parent_id = d.parent_id
          WHERE d.child_id = j.id AND (p.id IS NOT NULL OR e.parent_id IS NOT NULL)
      )
  );
SELECT TOP (@limit) j.id
FROM @suspect AS s
JOIN dbjobs.background_job AS j WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK) ON j.id = s.id
WHERE j.state = N'waiting'
  AND j.unresolved = 0
  AND (
      j.pending <= 0
      OR j.pending > (
          SELECT COUNT(*)
          FROM dbjobs.job_dependency AS d WITH (NOLOCK)
          LEFT JOIN dbjobs.background_job AS p WITH (NOLOCK) ON p.id = d.parent_id
          LEFT JOIN dbjobs.ended_parent AS e WITH (NOLOCK) ON e.parent_id = d.parent_id
          WHERE d.child_id = j.id AND (p.id IS NOT NULL OR e.parent_id IS NOT NULL)
      )
  )
ORDER BY j.id;
