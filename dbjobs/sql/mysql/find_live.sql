-- Ids of live jobs by their options, a page at a time (keyset on id).
SELECT id
FROM dbjobs_background_job
WHERE id > :after_id
  AND (:state IS NULL OR state = :state)
  AND (:worker IS NULL OR worker = :worker)
  AND (:queue IS NULL OR queue = :queue)
  AND (:tag IS NULL OR tag = :tag)
  AND (:batch_id IS NULL OR batch_id = :batch_id)
ORDER BY id
LIMIT :limit;
