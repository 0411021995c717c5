-- Waiting jobs that would wait for ever: they count more parents than they have live ones. There can be none;
-- one snapshot sees a parent's end and the release of its children together. A waiting job stands in no line.
SELECT j.id
FROM dbjobs_background_job j
WHERE j.line IS NULL
  AND j.state = 'waiting'
  AND (
      j.pending <= 0
      OR j.pending > (
          SELECT COUNT(*)
          FROM dbjobs_job_dependency d
          JOIN dbjobs_background_job p ON p.id = d.parent_id
          WHERE d.child_id = j.id
      )
  )
ORDER BY j.id
LIMIT :limit;
