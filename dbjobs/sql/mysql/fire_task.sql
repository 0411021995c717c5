-- Fires a task: one packet, one commit inserts the job and moves the task on to its next time. So whichever process
-- dies, a time is either fired or still due, and nobody holds a task's row for longer.
--
-- * The revision decides between nodes that fire the same task: only one of them finds the row as it read it. SKIP
--   LOCKED: the others do not wait for it. A task that was paused or moved meanwhile does not fire; `at_once` (run_now)
--   runs it at any time.
-- * The ref_id says which time the job is for. If it is taken (the task was removed and made again within a second), the
--   time has its job already, and none is inserted. Nobody but the holder of the task's row uses this key, so it needs
--   no named lock.
-- * The database's clock alone says that a task is due.
SET @task = NULL, @free = 0, @id = NULL;

SELECT name INTO @task
FROM dbjobs_scheduled_task
WHERE name = :name AND revision = :revision AND (:at_once OR paused = 0 AND next_run_at <= UTC_TIMESTAMP(6))
FOR UPDATE SKIP LOCKED;

UPDATE dbjobs_scheduled_task
SET next_run_at = :next_run_at, last_run_at = :last_run_at, runs = :runs, missed = :missed, skipped = :skipped,
    revision = revision + 1
WHERE name = :name AND @task IS NOT NULL;

SELECT COUNT(*) = 0 AND @task IS NOT NULL INTO @free FROM dbjobs_job_ref WHERE ref_id = :ref_id;

INSERT INTO dbjobs_background_job (
    ref_id, worker, queue, priority, tag, callback, run_after, expires_at, created_at, created_by, user_id, request_type,
    command, request, request_body, retry_limit, retry, on_failure, timeout_seconds, reply_to, args, meta, state, line
)
SELECT
    :ref_id, :worker, :queue, :priority, :tag, :callback,
    UTC_TIMESTAMP(6) + INTERVAL :delay_seconds * 1000000 MICROSECOND,
    UTC_TIMESTAMP(6) + INTERVAL :expires_seconds * 1000000 MICROSECOND, UTC_TIMESTAMP(6), :created_by, :user_id,
    :request_type, :command, :request, :request_body, :retry_limit, :retry, :on_failure, :timeout_seconds, :reply_to,
    :args, :meta,
    CASE WHEN :delay_seconds > 0 THEN 'scheduled' ELSE 'queued' END,
    CASE WHEN :delay_seconds > 0 THEN 'due' ELSE COALESCE(CONCAT('w:', :worker), CONCAT('q:', :queue)) END
FROM (SELECT 1 AS one) o
WHERE @free = 1;

SET @id = LAST_INSERT_ID();

INSERT INTO dbjobs_job_ref (ref_id, job_id, month)
SELECT :ref_id, @id, EXTRACT(YEAR_MONTH FROM UTC_TIMESTAMP())
FROM (SELECT 1 AS one) o
WHERE @free = 1;

SELECT job_id AS id, @free AS inserted FROM dbjobs_job_ref WHERE ref_id = :ref_id AND @task IS NOT NULL;
