-- Moves ended jobs from live to history, in one statement.
--
-- * Driven by primary key, fenced by (id, attempt, node_id): a row that is no longer ours yields nothing.
--   `= ANY` leaves the planner no other way into the table than one probe of the primary key for each id,
--   whatever it believes about the table's size. IS NOT DISTINCT FROM, because a plain `node_id = x` implies
--   `node_id IS NOT NULL` and so lets the planner in through the node index: the same move took four times
--   as long, and a filled table in which nothing had started yet was the worst case.
-- * It locks no other job and waits for nobody's row: it appends what follows from an end. It reads `has_dependents`
--   from the row version that the delete locks, so ended_parent covers a child that resolve_children made known in
--   time; the children themselves are another statement's work (release_children).
-- * An existing ended_parent row is from an earlier end, before a requeue: the later one counts.
-- * A lane goes back together with the last outcome of its run.
WITH outcome AS (
    SELECT *
    FROM unnest(
        :outcomes.id::bigint[], :outcomes.attempt::integer[], :outcomes.state::text[],
        :outcomes.response::text[], :outcomes.response_body::json[],
        :outcomes.duration_ms::double precision[], :outcomes.error_code::text[], :outcomes.error::text[],
        :outcomes.failure::jsonb[], :outcomes.progress::double precision[], :outcomes.status::text[],
        :outcomes.release_worker::boolean[]
    ) AS o (id, attempt, state, response, response_body, duration_ms, error_code, error, failure,
            progress, status, release_worker)
), moved AS (
    DELETE FROM dbjobs.background_job j
    USING outcome o
    WHERE j.id = ANY (:outcomes.id::bigint[])
      AND j.id = o.id
      AND j.attempt = o.attempt
      AND j.node_id IS NOT DISTINCT FROM :node_id
    -- Columns that most of the parts below read come first: each part takes a row apart again, as far as it reads.
    RETURNING o.state AS final_state, o.release_worker, j.id, j.has_dependents, j.created_at, j.batch_id, j.worker,
        j.queue, j.command, o.duration_ms AS final_duration_ms,
        j.ref_id, j.parent_id, j.priority, j.tag, j.callback, j.depends_on, j.depends_on_policy, j.run_after,
        j.expires_at, j.created_by, j.user_id, j.request_type, j.request, j.request_body, j.response,
        j.response_body, j.started_at, j.executed_at, j.notified_at, j.last_activity_at, j.retry_limit, j.retry,
        j.on_failure, j.attempt, j.attempt_base, j.timeout_seconds, j.progress, j.status, j.reply_to, j.errors,
        j.args, j.meta, j.trace_context, j.cancel_requested_at, j.node_id,
        o.response AS final_response, o.response_body AS final_response_body, o.error_code AS final_error_code,
        o.error AS final_error, o.failure, o.progress AS final_progress, o.status AS final_status
), completed AS (
    INSERT INTO dbjobs.completed_job (
        id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
        depends_on_policy, run_after, expires_at, created_at, created_by, user_id, request_type, command,
        request, request_body, response, response_body, state, started_at, executed_at, completed_at,
        notified_at, last_activity_at, retry_limit, retry, on_failure, attempt, attempt_base, duration_ms,
        timeout_seconds, progress, status, reply_to, error_code, error, errors, args, meta,
        trace_context, cancel_requested_at, node_id
    )
    SELECT
        id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
        depends_on_policy, run_after, expires_at, created_at, created_by, user_id, request_type, command,
        request, request_body, coalesce(final_response, response),
        coalesce(final_response_body, response_body), final_state, started_at, executed_at,
        clock_timestamp(), CASE WHEN executed_at IS NULL THEN notified_at ELSE clock_timestamp() END,
        last_activity_at, retry_limit, retry, on_failure, attempt,
        attempt_base, final_duration_ms, timeout_seconds, coalesce(final_progress, progress),
        coalesce(final_status, status), reply_to, NULL, NULL, errors, args, meta,
        trace_context, cancel_requested_at, node_id
    FROM moved
    WHERE final_state = 'completed'
), failed AS (
    INSERT INTO dbjobs.failed_job (
        id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
        depends_on_policy, run_after, expires_at, created_at, created_by, user_id, request_type, command,
        request, request_body, response, response_body, state, started_at, executed_at, completed_at,
        notified_at, last_activity_at, retry_limit, retry, on_failure, attempt, attempt_base, duration_ms,
        timeout_seconds, progress, status, reply_to, error_code, error, errors, args, meta,
        trace_context, cancel_requested_at, node_id
    )
    SELECT
        id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
        depends_on_policy, run_after, expires_at, created_at, created_by, user_id, request_type, command,
        request, request_body, response, response_body, final_state, started_at, executed_at,
        clock_timestamp(), notified_at, last_activity_at, retry_limit, retry, on_failure, attempt,
        attempt_base, final_duration_ms, timeout_seconds, coalesce(final_progress, progress),
        coalesce(final_status, status), reply_to, final_error_code, final_error,
        CASE WHEN failure IS NULL THEN errors ELSE coalesce(errors, '[]') || failure END, args, meta,
        trace_context, cancel_requested_at, node_id
    FROM moved
    WHERE final_state <> 'completed'
), released AS (
    DELETE FROM dbjobs.job_worker
    WHERE worker = ANY (ARRAY(SELECT worker FROM moved WHERE release_worker)) AND node_id IS NOT DISTINCT FROM :node_id
), unusual AS MATERIALIZED (
    -- Nearly always nothing, found in one pass: parents, members of a batch, jobs of an older month. The month is a
    -- scalar subquery, otherwise it would be computed for each row.
    SELECT id, final_state, batch_id, has_dependents, created_at
    FROM moved
    WHERE has_dependents OR batch_id IS NOT NULL OR created_at < (SELECT date_trunc('month', now(), 'UTC'))
), told AS (
    INSERT INTO dbjobs.ended_parent (parent_id, state)
    SELECT id, final_state FROM unusual WHERE has_dependents
    ON CONFLICT (parent_id) DO UPDATE SET state = excluded.state
), batched AS (
    INSERT INTO dbjobs.job_batch (batch_id, completed, failed, cancelled)
    SELECT batch_id,
        count(*) FILTER (WHERE final_state = 'completed'),
        count(*) FILTER (WHERE final_state = 'failed'),
        count(*) FILTER (WHERE final_state = 'cancelled')
    FROM unusual
    WHERE batch_id IS NOT NULL
    GROUP BY batch_id
), late AS (
    INSERT INTO dbjobs.late_end (created_month, ended_month)
    SELECT DISTINCT to_char(u.created_at AT TIME ZONE 'UTC', 'YYYYMM'), to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')
    FROM unusual u
    WHERE u.created_at < (SELECT date_trunc('month', now(), 'UTC'))
      AND (
          SELECT l.created_month
          FROM dbjobs.late_end l
          WHERE l.created_month = to_char(u.created_at AT TIME ZONE 'UTC', 'YYYYMM')
            AND l.ended_month = to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')
          LIMIT 1
      ) IS NULL
), counted AS (
    INSERT INTO dbjobs.job_stat AS s (
        minute, queue, command, counter, completed, failed, cancelled, duration_ms
    )
    SELECT date_trunc('minute', now()), queue, command, :counter::bigint,
        count(*) FILTER (WHERE final_state = 'completed'),
        count(*) FILTER (WHERE final_state = 'failed'),
        count(*) FILTER (WHERE final_state = 'cancelled'),
        coalesce(sum(final_duration_ms), 0)
    FROM moved
    GROUP BY queue, command
    ORDER BY queue, command
    ON CONFLICT (minute, queue, command, counter) DO UPDATE
    SET completed = s.completed + excluded.completed, failed = s.failed + excluded.failed,
        cancelled = s.cancelled + excluded.cancelled, duration_ms = s.duration_ms + excluded.duration_ms
)
-- Two arrays are cheaper to send and to read than a row per job.
-- @packed id has_dependents
SELECT array_agg(id), array_agg(has_dependents) FROM moved;
