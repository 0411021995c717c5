-- Moves ended jobs out of the live table. They go to the files of their months a little later, many at a time
-- (archive_month.sql).
--
-- * Driven by primary key, fenced by (id, attempt, node_id): a row that is no longer ours yields nothing.
-- * It appends what follows from an end (ended_parent, job_batch); the children are release_children's work.
-- * An existing ended_parent row is from an earlier end, before a requeue: the later one counts.
-- * A lane goes back together with the last outcome of its run.
-- @rows outcomes
WITH outcome (
    id, attempt, state, response, response_body, duration_ms, error_code, error, failure, progress, status
) AS (
    VALUES (
        :id, :attempt, :state, :response, :response_body, :duration_ms, :error_code, :error, :failure,
        :progress, :status
    )
)
INSERT OR REPLACE INTO dbjobs_finished_job (
    id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, run_after, expires_at, created_at, created_by, user_id, request_type, command,
    request, request_body, response, response_body, state, started_at, executed_at, completed_at,
    notified_at, last_activity_at, retry_limit, retry, on_failure, attempt, attempt_base, duration_ms,
    timeout_seconds, progress, status, reply_to, error_code, error, errors, args, meta, trace_context,
    cancel_requested_at, node_id
)
SELECT
    j.id, j.ref_id, j.parent_id, j.worker, j.queue, j.priority, j.tag, j.batch_id, j.callback,
    j.depends_on, j.depends_on_policy, j.run_after, j.expires_at, j.created_at, j.created_by, j.user_id,
    j.request_type, j.command, j.request, j.request_body, coalesce(o.response, j.response),
    coalesce(o.response_body, j.response_body), o.state, j.started_at, j.executed_at,
    strftime('%Y-%m-%d %H:%M:%f', 'now'),
    CASE
        WHEN j.executed_at IS NULL OR o.state <> 'completed' THEN j.notified_at
        ELSE strftime('%Y-%m-%d %H:%M:%f', 'now')
    END, j.last_activity_at, j.retry_limit, j.retry,
    j.on_failure, j.attempt, j.attempt_base, o.duration_ms, j.timeout_seconds,
    coalesce(o.progress, j.progress), coalesce(o.status, j.status), j.reply_to, o.error_code, o.error,
    CASE
        WHEN o.failure IS NULL THEN j.errors
        ELSE json_insert(coalesce(j.errors, '[]'), '$[#]', json(o.failure))
    END,
    j.args, j.meta, j.trace_context, j.cancel_requested_at, j.node_id
FROM outcome o
CROSS JOIN dbjobs_background_job j ON j.id = o.id
WHERE j.attempt = o.attempt AND j.node_id = :node_id;

-- Exactly the rows that the statement above copied are in both tables: only an outcome that was ours, and that
-- is written now (not one repeated after a lost answer), gives the lane back.
-- @rows outcomes where release_worker
DELETE FROM dbjobs_job_worker
WHERE node_id = :node_id
  AND worker IN (
      WITH outcome (id, attempt) AS (VALUES (:id, :attempt))
      SELECT j.worker
      FROM outcome o
      CROSS JOIN dbjobs_background_job j ON j.id = o.id
      CROSS JOIN dbjobs_finished_job f ON f.id = j.id
      WHERE j.attempt = o.attempt AND j.node_id = :node_id
  );

-- @as moved packed id has_dependents state batch_id
SELECT json_group_array(json_array(j.id, j.has_dependents, f.state, j.batch_id))
FROM json_each(:outcomes.id) o
CROSS JOIN dbjobs_finished_job f ON f.id = o.value
CROSS JOIN dbjobs_background_job j ON j.id = f.id;

DELETE FROM dbjobs_background_job WHERE id IN (SELECT value FROM json_each(:moved.id));

-- @each moved where has_dependents
INSERT OR REPLACE INTO dbjobs_ended_parent (parent_id, state) VALUES (:id, :state);

-- @if moved where batch_id
INSERT INTO dbjobs_job_batch (batch_id, completed, failed, cancelled)
SELECT batch_id, sum(state = 'completed'), sum(state = 'failed'), sum(state = 'cancelled')
FROM (SELECT value ->> 2 AS state, value ->> 3 AS batch_id FROM json_each(:moved))
WHERE batch_id IS NOT NULL
GROUP BY batch_id;

INSERT INTO dbjobs_job_stat (minute, queue, command, counter, completed, failed, cancelled, duration_ms)
SELECT strftime('%Y-%m-%d %H:%M:00.000', 'now'), f.queue, f.command, :counter,
    sum(f.state = 'completed'), sum(f.state = 'failed'), sum(f.state = 'cancelled'),
    coalesce(sum(f.duration_ms), 0)
FROM json_each(:moved.id) m
CROSS JOIN dbjobs_finished_job f ON f.id = m.value
WHERE true
GROUP BY f.queue, f.command
ON CONFLICT (minute, queue, command, counter) DO UPDATE
SET completed = completed + excluded.completed, failed = failed + excluded.failed,
    cancelled = cancelled + excluded.cancelled, duration_ms = duration_ms + excluded.duration_ms;
