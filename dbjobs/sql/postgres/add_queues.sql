-- Lists queues that are used from now on, and says of known ones that they still are, at most twice an hour: processes ask
-- for each name about once an hour. A row that somebody has in hand is passed by (SKIP LOCKED): it is being used, set, or
-- forgotten. In the last case the insert waits for that one statement, and puts it back.
WITH stale AS (
    SELECT queue
    FROM dbjobs.job_queue
    WHERE queue = ANY (:queues::text[]) AND used_at < statement_timestamp() - interval '30 minutes'
    FOR UPDATE SKIP LOCKED
), used AS (
    UPDATE dbjobs.job_queue SET used_at = clock_timestamp() WHERE queue = ANY (ARRAY(SELECT queue FROM stale))
)
INSERT INTO dbjobs.job_queue (queue) SELECT unnest(:queues::text[]) ORDER BY 1 ON CONFLICT (queue) DO NOTHING;
