-- Enqueue: one statement, one commit, for one job or a thousand.
--
-- * Ids ascend in the order of the input (the identity is drawn after the ORDER BY; [key] is the place in the JSON
--   array), so the caller can pair them.
-- * A ref_id that is live already yields no row; the caller then looks the other job up. An application lock for each
--   new ref_id, to the end of the transaction, decides between two enqueues at the same moment: a violation of the
--   unique index would end the (perhaps the caller's) transaction, and locks on the gaps of that index would let
--   enqueues with quite other ref_ids wait for a caller who does not commit.
-- * Columns that are JSON come as JSON, not as text within JSON, which would be escaped twice. In an array of one,
--   because JSON_QUERY gives no bare strings and numbers. (Not AS JSON: Babelfish cuts that off at 4,000 characters.)
-- * A delay is added in days and milliseconds, because DATEADD counts with an int.
-- * A lane's name has no trailing blanks, with which it would compare equal; without anything else it is none.
-- * There are no notices: nothing is said to other nodes, which poll. Batches are counted by add_to_batches, in the
--   same transaction.
DECLARE @jobs nvarchar(max) = :jobs;
DECLARE @now datetime2(6) = SYSUTCDATETIME(), @packed nvarchar(max);
DECLARE @ref_id nvarchar(510), @resource nvarchar(255), @lock int;
DECLARE @inserted TABLE (id bigint NOT NULL PRIMARY KEY, ref_id nvarchar(510) COLLATE Latin1_General_100_BIN2);

BEGIN TRANSACTION;
IF CHARINDEX(N'"ref_id":"', @jobs) > 0
BEGIN
    SELECT @ref_id = MIN(t.ref_id COLLATE Latin1_General_100_BIN2)
    FROM OPENJSON(@jobs) WITH (ref_id nvarchar(510)) AS t;
    WHILE @ref_id IS NOT NULL
    BEGIN
        SET @resource = LEFT(CONCAT(N'ref_id of dbjobs.background_job ', @ref_id), 255);
        EXEC @lock = sp_getapplock @Resource = @resource, @LockMode = N'Exclusive', @LockOwner = N'Transaction';
        IF @lock < 0 THROW 50002, N'another enqueue holds the same ref_id', 1;
        SELECT @ref_id = MIN(t.ref_id COLLATE Latin1_General_100_BIN2)
        FROM OPENJSON(@jobs) WITH (ref_id nvarchar(510)) AS t
        WHERE t.ref_id COLLATE Latin1_General_100_BIN2 > @ref_id;
    END;
END;

INSERT INTO dbjobs.background_job (
    ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, depends_on_policy, pending,
    run_after, expires_at, created_at, created_by, user_id, request_type, command, request, request_body, retry_limit,
    retry, on_failure, timeout_seconds, reply_to, args, meta, trace_context, state
)
OUTPUT inserted.id, inserted.ref_id INTO @inserted (id, ref_id)
SELECT
    t.ref_id, t.parent_id, NULLIF(RTRIM(t.worker), N''), t.queue, COALESCE(t.priority, 0), t.tag, t.batch_id,
    t.callback, SUBSTRING(body.depends_on, 2, LEN(body.depends_on) - 2), COALESCE(t.depends_on_policy, N'completed'),
    COALESCE(t.pending, 0), due.run_after,
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
OUTER APPLY (
    SELECT TOP (1) j.id
    FROM dbjobs.background_job AS j
    WHERE t.ref_id IS NOT NULL AND j.ref_id IS NOT NULL AND j.ref_id = t.ref_id COLLATE Latin1_General_100_BIN2
) AS existing
WHERE existing.id IS NULL
ORDER BY CONVERT(int, item.[key]);
SET @packed = (SELECT id, ref_id FROM @inserted ORDER BY id FOR JSON PATH, INCLUDE_NULL_VALUES);
COMMIT TRANSACTION;
SELECT @packed AS packed;
