-- Enqueue: one statement, one commit, for one job or a thousand.
--
-- Ids ascend in the order of the input (the identity is drawn after the ORDER BY), so the caller can
-- pair them. add_refs makes a ref_id known, in the same transaction. A delay and an expiry count from this statement,
-- not from the beginning of a caller's transaction (now()), which may be long ago. It sends a notice only if the caller
-- says so (at most once per queue per cooldown): NOTIFY takes a global lock at commit. It has only one plan node more
-- than a bare INSERT, because this statement makes up an idle system's latency. add_to_batches counts batches, in the
-- same transaction.
INSERT INTO dbjobs.background_job (
    ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, pending, unresolved, run_after, expires_at, created_by, user_id,
    request_type, command, request, request_body, retry_limit, retry, on_failure,
    timeout_seconds, reply_to, args, meta, trace_context, state
)
SELECT
    ref_id, parent_id, worker, queue, coalesce(priority, 0), tag, batch_id, callback, depends_on::json,
    coalesce(depends_on_policy, 'completed'), coalesce(pending, 0),
    coalesce(pending, 0) > 0, coalesce(run_after, statement_timestamp() + delay_seconds * interval '1 second'),
    statement_timestamp() + expires_seconds * interval '1 second', created_by, user_id,
    coalesce(request_type, 'command'), command, request, request_body::json, coalesce(retry_limit, 0),
    retry::json, coalesce(on_failure, 'block'), coalesce(timeout_seconds, 0), reply_to, args::jsonb,
    meta::jsonb, trace_context,
    CASE
        WHEN pending > 0 THEN 'waiting'
        WHEN coalesce(run_after, statement_timestamp() + delay_seconds * interval '1 second') > statement_timestamp()
            THEN 'scheduled'
        ELSE 'queued'
    END
-- One JSON text, not one array per column: it halves the client's work for a single job, and leaves out defaults. It
-- goes as text, because the owner of a connection that is not ours may have told the driver how to convert a json
-- parameter.
FROM ROWS FROM (
    json_to_recordset(:jobs::text::json) AS (
        ref_id text, parent_id bigint, worker text, queue text, priority integer, tag text, batch_id text,
        callback text, depends_on text, depends_on_policy text, pending integer,
        delay_seconds double precision, run_after timestamptz, expires_seconds double precision,
        created_by text, user_id text, request_type text, command text, request text, request_body text,
        retry_limit integer, retry text, on_failure text, timeout_seconds double precision, reply_to text,
        args text, meta text, trace_context text
    )
) WITH ORDINALITY AS t (
    ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, pending, delay_seconds, run_after, expires_seconds, created_by, user_id,
    request_type, command, request, request_body, retry_limit, retry, on_failure,
    timeout_seconds, reply_to, args, meta, trace_context, position
)
ORDER BY position
RETURNING id, ref_id, (SELECT count(pg_notify(:channel, notice)) FROM unnest(:notices::text[]) AS n (notice)) AS noticed;
