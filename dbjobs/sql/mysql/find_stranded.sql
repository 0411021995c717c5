-- Finds waiting jobs that would wait for ever: their parents know of them, but they count more parents than are live,
-- or ended and still to be worked off. There should be none. Such a job is in no line.
SELECT j.id
FROM dbjobs_background_job j
WHERE j.line IS NULL
  AND j.state = 'waiting'
  AND (
      j.pending <= 0
      OR j.pending > (
          SELECT COUNT(*)
          FROM dbjobs_job_dependency d
          WHERE d.child_id = j.id
            AND (
                EXISTS (SELECT 1 FROM dbjobs_background_job p FORCE INDEX (PRIMARY) WHERE p.id = d.parent_id)
                OR EXISTS (SELECT 1 FROM dbjobs_ended_parent e WHERE e.parent_id = d.parent_id)
            )
      )
  )
ORDER BY j.id
LIMIT :limit;
