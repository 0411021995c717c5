-- A child is about to depend on these. The lock (taken in id order) and the flag decide the race with a
-- parent that is finishing: either its finish waits for us and then sees the flag, or we wait for it and
-- find no row here; the caller then looks into history with a new snapshot.
-- @as parent
SELECT id FROM dbjobs_background_job WHERE id IN (:ids) ORDER BY id FOR UPDATE;

-- @if parent
UPDATE dbjobs_background_job SET has_dependents = 1 WHERE id IN (:parent.id);
