-- Enqueue: one statement, one commit, for one job or a thousand.
--
-- * Ids ascend in the order of the input (the identity is drawn after the ORDER BY; [key] is the place in the JSON
--   array), so the caller can pair them.
-- * It locks only its own new rows, whatever isolation level a caller's transaction has: it looks nothing up. add_refs
--   makes a ref_id known, in the same transaction.
-- * Columns that are JSON come as JSON, not as text within JSON, which would be escaped twice. In an array of one,
--   because JSON_QUERY gives no bare strings and numbers. (Not AS JSON: Babelfish cuts that off at 4,000 characters.)
-- * It adds a delay in days and milliseconds, because DATEADD counts with an int.
-- * It strips trailing blanks from a lane's name, because comparisons ignore them; an all-blank name means no lane.
-- * There are no notices: other nodes poll. add_to_batches counts batches, in the same transaction.
DECLARE @jobs nvarchar(max) = :jobs;
DECLARE @now datetime2(6) = SYSUTCDATETIME(), @packed nvarchar(max);
DECLARE @inserted TABLE (id bigint NOT NULL PRIMARY KEY, ref_id nvarchar(510) COLLATE Latin1_General_100_BIN2);

BEGIN TRANSACTION;
INSERT INTO dbjobs.background_job (
    ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, depends_on_policy, pending,
    unresolved, run_after, expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
    retry_limit, retry, on_failure, timeout_seconds, reply_to, args, meta, trace_context, state
)
OUTPUT inserted.id, inserted.ref_id INTO @inserted (id, ref_id)
SELECT
    t.ref_id, t.parent_id, NULLIF(RTRIM(t.worker), N''), t.queue, COALESCE(t.priority, 0), t.tag, t.batch_id,
    t.callback, SUBSTRING(body.depends_on, 2, LEN(body.depends_on) - 2), COALESCE(t.depends_on_policy, N'completed'),
    COALESCE(t.pending, 0), CASE WHEN t.pending > 0 THEN 1 ELSE 0 END, due.run_after,
    DATEADD(millisecond, CONVERT(int, (t.expires_seconds - FLOOR(t.expires_seconds / 86400) * 86400) * 1000),
        DATEADD(day, CONVERT(int, FLOOR(t.expires_seconds / 86400)), @now)),
    @now, t.created_by, t.user_id, COALESCE(t.request_type, N'command'), t.command, t.request,
    SUBSTRING(body.request_body, 2, LEN(body.request_body) - 2), COALESCE(t.retry_limit, 0),
    SUBSTRING(body.retry, 2, LEN(body.retry) - 2), COALESCE(t.on_failure, N'block'), COALESCE(t.timeout_seconds, 0),
    t.reply_to, SUBSTRING(body.args, 2, LEN(body.args) - 2), SUBSTRING(body.meta, 2, LEN(body.meta) - 2),
    t.trace_context,
    CASE
        WHEN t.pending > 0 THEN N'waiting'
        WHEN due.run_after > @now THEN N'scheduled'
        ELSE N'queued'
    END
FROM OPENJSON(@jobs) AS item
CROSS APPLY OPENJSON(item.value) WITH (
    ref_id nvarchar(510), parent_id bigint, worker nvarchar(510), queue nvarchar(510), priority int,
    tag nvarchar(510), batch_id nvarchar(510), callback nvarchar(510), depends_on_policy nvarchar(20), pending int,
    delay_seconds float, run_after datetimeoffset(6), expires_seconds float, created_by nvarchar(510),
    user_id nvarchar(510), request_type nvarchar(20), command nvarchar(510), request nvarchar(max), retry_limit int,
    on_failure nvarchar(20), timeout_seconds float, reply_to nvarchar(510), trace_context nvarchar(max)
) AS t
CROSS APPLY (
    SELECT JSON_QUERY(item.value, '$.depends_on') AS depends_on,
        JSON_QUERY(item.value, '$.request_body') AS request_body,
        JSON_QUERY(item.value, '$.retry') AS retry, JSON_QUERY(item.value, '$.args') AS args,
        JSON_QUERY(item.value, '$.meta') AS meta
) AS body
CROSS APPLY (
    SELECT COALESCE(
        CONVERT(datetime2(6), SWITCHOFFSET(t.run_after, '+00:00')),
        DATEADD(millisecond, CONVERT(int, (t.delay_seconds - FLOOR(t.delay_seconds / 86400) * 86400) * 1000),
            DATEADD(day, CONVERT(int, FLOOR(t.delay_seconds / 86400)), @now))
    ) AS run_after
) AS due
ORDER BY CONVERT(int, item.[key]);
SET @packed = (SELECT id, ref_id FROM @inserted ORDER BY id FOR JSON PATH, INCLUDE_NULL_VALUES);
COMMIT TRANSACTION;
SELECT @packed AS packed;
