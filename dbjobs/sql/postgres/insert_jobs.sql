-- Enqueue: one statement, one commit, for one job or a thousand.
--
-- Ids ascend in the order of the input (the identity is drawn after the ORDER BY), so the caller can
-- pair them. A ref_id that is live already yields no row; the caller then looks the other job up.
-- A notice is sent only when the caller says so (at most once per queue per cooldown): NOTIFY takes
-- a global lock at commit. Kept to one plan node more than a bare INSERT: it is what an idle system's
-- latency is made of. Batches are counted by add_to_batches, in the same transaction.
INSERT INTO dbjobs.background_job (
    ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, pending, run_after, expires_at, created_by, user_id,
    request_type, command, request, request_body, retry_limit, retry, on_failure,
    timeout_seconds, reply_to, args, meta, trace_context, state
)
SELECT
    ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, pending,
    coalesce(run_after, now() + delay_seconds * interval '1 second'),
    now() + expires_seconds * interval '1 second', created_by, user_id,
    request_type, command, request, request_body, retry_limit, retry, on_failure,
    timeout_seconds, reply_to, args, meta, trace_context,
    CASE
        WHEN pending > 0 THEN 'waiting'
        WHEN coalesce(run_after, now() + delay_seconds * interval '1 second') > now() THEN 'scheduled'
        ELSE 'queued'
    END
FROM unnest(
    :jobs.ref_id::text[], :jobs.parent_id::bigint[], :jobs.worker::text[], :jobs.queue::text[],
    :jobs.priority::integer[], :jobs.tag::text[], :jobs.batch_id::text[], :jobs.callback::text[],
    :jobs.depends_on::json[], :jobs.depends_on_policy::text[], :jobs.pending::integer[],
    :jobs.delay_seconds::double precision[], :jobs.run_after::timestamptz[],
    :jobs.expires_seconds::double precision[], :jobs.created_by::text[], :jobs.user_id::text[],
    :jobs.request_type::text[], :jobs.command::text[], :jobs.request::text[],
    :jobs.request_body::json[], :jobs.retry_limit::integer[], :jobs.retry::json[],
    :jobs.on_failure::text[], :jobs.timeout_seconds::double precision[], :jobs.reply_to::text[],
    :jobs.args::jsonb[], :jobs.meta::jsonb[], :jobs.trace_context::text[]
) WITH ORDINALITY AS t (
    ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, pending, delay_seconds, run_after, expires_seconds, created_by, user_id,
    request_type, command, request, request_body, retry_limit, retry, on_failure,
    timeout_seconds, reply_to, args, meta, trace_context, position
)
ORDER BY position
ON CONFLICT (ref_id) WHERE ref_id IS NOT NULL DO NOTHING
RETURNING id, ref_id, (SELECT count(pg_notify(:channel, notice)) FROM unnest(:notices::text[]) AS n (notice)) AS noticed;
