-- Fires a task: one statement, one commit inserts the job and moves the task on to its next time. So whichever process
-- dies, a time is either fired or still due, and nobody holds a task's row for longer.
--
-- * The revision decides between nodes that fire the same task: only one of them finds the row as it read it. SKIP
--   LOCKED: the others do not wait for it. A task that was paused or moved meanwhile does not fire; `at_once` (run_now)
--   runs it at any time.
-- * The ref_id says which time the job is for. If it is taken (the task was removed and made again within a second), the
--   time has its job already, and none is inserted. An id is drawn first, because the key goes in before the job does.
-- * The database's clock alone says that a task is due.
WITH task AS (
    SELECT name FROM dbjobs.scheduled_task
    WHERE name = :name::text AND revision = :revision::bigint
      AND (:at_once::boolean OR NOT paused AND next_run_at <= clock_timestamp())
    FOR UPDATE SKIP LOCKED
), moved AS (
    UPDATE dbjobs.scheduled_task t
    SET next_run_at = :next_run_at::timestamptz, last_run_at = :last_run_at::timestamptz, runs = :runs::json,
        missed = :missed::bigint, skipped = :skipped::bigint, revision = t.revision + 1
    WHERE t.name = ANY (ARRAY(SELECT name FROM task))
    RETURNING t.name
), key AS (
    INSERT INTO dbjobs.job_ref (ref_id, job_id, month)
    SELECT :ref_id::text, nextval('dbjobs.background_job_id_seq'), to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')
    FROM moved
    ON CONFLICT (ref_id) DO NOTHING
    RETURNING job_id
), job AS (
    INSERT INTO dbjobs.background_job (
        id, ref_id, worker, queue, priority, tag, callback, run_after, expires_at, created_by, user_id, request_type,
        command, request, request_body, retry_limit, retry, on_failure, timeout_seconds, reply_to, args, meta, state
    )
    OVERRIDING SYSTEM VALUE
    SELECT
        job_id, :ref_id::text, :worker::text, :queue::text, :priority::integer, :tag::text, :callback::text,
        now() + :delay_seconds::double precision * interval '1 second',
        now() + :expires_seconds::double precision * interval '1 second', :created_by::text, :user_id::text,
        :request_type::text, :command::text, :request::text, :request_body::json, :retry_limit::integer, :retry::json,
        :on_failure::text, :timeout_seconds::double precision, :reply_to::text, :args::jsonb, :meta::jsonb,
        CASE WHEN :delay_seconds::double precision > 0 THEN 'scheduled' ELSE 'queued' END
    FROM key
    RETURNING id
)
SELECT coalesce(
    (SELECT id FROM job),
    (SELECT job_id FROM dbjobs.job_ref WHERE ref_id = :ref_id::text)
) AS id, (SELECT count(*) FROM job) AS inserted
FROM moved;
