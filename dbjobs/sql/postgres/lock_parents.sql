-- A child is about to depend on these. The lock (taken in id order) and the flag decide the race with a
-- parent that is finishing: either its finish waits for us and then sees the flag, or we wait for it and
-- find no row here; the caller then looks into history with a new snapshot.
WITH parent AS (
    SELECT id FROM dbjobs.background_job WHERE id = ANY (:ids::bigint[]) ORDER BY id FOR UPDATE
)
UPDATE dbjobs.background_job b
SET has_dependents = true
WHERE b.id = ANY (ARRAY(SELECT id FROM parent))
RETURNING b.id;
