-- Fires a task: one transaction inserts the job and moves the task on to its next time. So whichever process dies, a
-- time is either fired or still due.
--
-- * The revision decides between nodes that fire the same task: only one of them finds the row as it read it. A task
--   that was paused or moved meanwhile does not fire; `at_once` (run_now) runs it at any time.
-- * The ref_id says which time the job is for. If it is taken (the task was removed and made again within a second), the
--   time has its job already, and none is inserted.
-- * The database's clock alone says that a task is due.
-- @as moved
UPDATE dbjobs_scheduled_task
SET next_run_at = :next_run_at, last_run_at = :last_run_at, runs = :runs, missed = :missed, skipped = :skipped,
    revision = revision + 1
WHERE name = :name AND revision = :revision
  AND (:at_once OR paused = 0 AND next_run_at <= strftime('%Y-%m-%d %H:%M:%f', 'now'))
RETURNING name;

-- @each moved as job
INSERT INTO dbjobs_background_job (
    ref_id, worker, queue, priority, tag, callback, run_after, expires_at, created_by, user_id, request_type, command,
    request, request_body, retry_limit, retry, on_failure, timeout_seconds, reply_to, args, meta, state
)
SELECT
    :ref_id, :worker, :queue, :priority, :tag, :callback,
    strftime('%Y-%m-%d %H:%M:%f', 'now', :delay_seconds || ' seconds'),
    strftime('%Y-%m-%d %H:%M:%f', 'now', :expires_seconds || ' seconds'), :created_by, :user_id, :request_type,
    :command, :request, :request_body, :retry_limit, :retry, :on_failure, :timeout_seconds, :reply_to, :args, :meta,
    CASE WHEN :delay_seconds > 0 THEN 'scheduled' ELSE 'queued' END
WHERE NOT EXISTS (SELECT 1 FROM dbjobs_job_ref WHERE ref_id = :ref_id)
RETURNING id, created_at;

-- @each job
INSERT INTO dbjobs_job_ref (ref_id, job_id, month) VALUES (:ref_id, :id, strftime('%Y%m', :created_at));

-- @each moved
SELECT (SELECT job_id FROM dbjobs_job_ref WHERE ref_id = :ref_id) AS id,
    json_array_length(:job) AS inserted;
