-- Brings failed or cancelled jobs back under their own id, with a fresh set of tries. The attempt number goes on
-- counting: it is part of the fence. With :as_they_were a job that was waiting when it was cancelled comes back as it
-- was: not before its time, expiring at its time, without the cancellation as its error.
--
-- * A job waits again for those of its parents that are alive now, including the ones that this call revives: it comes
--   back waiting and unresolved, and resolve_children goes on from there. (Not if its body is done and only the
--   callback is left.)
-- * If its last end has not reached all its children yet (ended_parent), we take that back: they wait for its next end.
-- * One more row counts the batch down. The ref_id stays where it is, in job_ref.
WITH revived AS (
    DELETE FROM dbjobs.failed_job WHERE id = ANY (:ids::bigint[]) RETURNING *
), wanted AS (
    SELECT DISTINCT r.id AS child_id, p.parent::bigint AS parent_id
    FROM revived r
    CROSS JOIN LATERAL json_array_elements_text(r.depends_on) AS p (parent)
    WHERE r.executed_at IS NULL
), alive AS (
    SELECT id FROM dbjobs.background_job WHERE id = ANY (ARRAY(SELECT parent_id FROM wanted))
    UNION
    SELECT id FROM revived
), edge AS (
    SELECT child_id, parent_id FROM wanted WHERE parent_id IN (SELECT id FROM alive)
), pending AS (
    SELECT child_id AS id, count(*) AS parents FROM edge GROUP BY child_id
), untold AS (
    DELETE FROM dbjobs.ended_parent WHERE parent_id = ANY (ARRAY(SELECT id FROM revived))
), waits AS (
    INSERT INTO dbjobs.job_dependency (parent_id, child_id)
    SELECT parent_id, child_id FROM edge
    ON CONFLICT DO NOTHING
), inserted AS (
    INSERT INTO dbjobs.background_job (
        id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
        depends_on_policy, pending, unresolved, has_dependents, run_after, expires_at, created_at, created_by, user_id,
        request_type, command, request, request_body, response, response_body, state, executed_at, retry_limit, retry,
        on_failure, attempt, attempt_base, timeout_seconds, reply_to, error_code, error, errors, args,
        meta, trace_context
    )
    SELECT
        r.id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
        depends_on_policy, coalesce(p.parents, 0), p.id IS NOT NULL,
        (SELECT d.child_id FROM dbjobs.job_dependency d WHERE d.parent_id = r.id LIMIT 1) IS NOT NULL,
        CASE WHEN :as_they_were::boolean THEN run_after END, CASE WHEN :as_they_were::boolean THEN expires_at END,
        created_at, created_by, user_id, request_type, command, request, request_body, response, response_body,
        CASE
            WHEN p.id IS NOT NULL THEN 'waiting'
            WHEN :as_they_were::boolean AND run_after > clock_timestamp() THEN 'scheduled'
            ELSE 'queued'
        END, executed_at, retry_limit, retry,
        on_failure, attempt, attempt, timeout_seconds, reply_to, CASE WHEN NOT :as_they_were::boolean THEN error_code END,
        CASE WHEN NOT :as_they_were::boolean THEN error END, errors, args, meta, trace_context
    FROM revived r
    LEFT JOIN pending p ON p.id = r.id
    RETURNING id, queue, priority, worker, state
), uncounted AS (
    INSERT INTO dbjobs.job_batch (batch_id, failed, cancelled)
    SELECT batch_id, -count(*) FILTER (WHERE state = 'failed'), -count(*) FILTER (WHERE state = 'cancelled')
    FROM revived
    WHERE batch_id IS NOT NULL
    GROUP BY batch_id
)
SELECT id, queue, priority, worker, state FROM inserted;
