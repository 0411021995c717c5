-- Ids of live jobs by their options, a page at a time (keyset on id).
SELECT id
FROM dbjobs.background_job
WHERE id > :after_id
  AND (:state::text IS NULL OR state = :state)
  AND (:worker::text IS NULL OR worker = :worker)
  AND (:queue::text IS NULL OR queue = :queue)
  AND (:tag::text IS NULL OR tag = :tag)
  AND (:batch_id::text IS NULL OR batch_id = :batch_id)
ORDER BY id
LIMIT :limit::integer;
