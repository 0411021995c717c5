-- CROSS APPLY: three seeks for each id, never a walk through history. One JSON text: see claim_jobs.
DECLARE @ids nvarchar(max) = :ids;
SELECT (
    SELECT j.id, j.ref_id, j.parent_id, j.worker, j.queue, j.priority, j.tag, j.batch_id, j.callback,
        j.depends_on, j.run_after, j.expires_at, j.created_at, j.created_by, j.user_id, j.request_type,
        j.command, j.request, j.request_body, j.response_body, j.state, j.started_at, j.completed_at,
        j.retry_limit, j.attempt, j.duration_ms, j.timeout_seconds, j.progress, j.status, j.reply_to,
        j.error_code, j.error, j.errors, j.args, j.meta, j.cancel_requested_at, j.node_id
    FROM OPENJSON(@ids) WITH (id bigint '$') AS i
    CROSS APPLY (SELECT * FROM dbjobs.job AS job WHERE job.id = i.id) AS j
    FOR JSON PATH, INCLUDE_NULL_VALUES
) AS packed;
