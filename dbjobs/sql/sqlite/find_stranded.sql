-- Finds waiting jobs that would wait for ever: nothing is left to resolve, and they count more parents than they have
-- live or recently ended ones (ended_parent). There should be none. job_dependency_child serves the count.
SELECT j.id
FROM dbjobs_background_job j
WHERE j.state = 'waiting'
  AND j.unresolved = 0
  AND (
      j.pending <= 0
      OR j.pending > (
          SELECT count(*)
          FROM dbjobs_job_dependency d
          WHERE d.child_id = j.id
            AND (
                EXISTS (SELECT 1 FROM dbjobs_background_job p WHERE p.id = d.parent_id)
                OR EXISTS (SELECT 1 FROM dbjobs_ended_parent e WHERE e.parent_id = d.parent_id)
            )
      )
  )
ORDER BY j.id
LIMIT :limit;
