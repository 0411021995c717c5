-- Lists newly used queues, and marks known ones as still in use, at most twice an hour: processes ask for each name
-- about once an hour. It skips a locked row (SKIP LOCKED): somebody is using, setting or dropping that queue. If it is
-- being dropped, the insert waits for that one statement and puts it back.
WITH stale AS (
    SELECT queue
    FROM dbjobs.job_queue
    WHERE queue = ANY (:queues::text[]) AND used_at < statement_timestamp() - interval '30 minutes'
    FOR UPDATE SKIP LOCKED
), used AS (
    UPDATE dbjobs.job_queue SET used_at = clock_timestamp() WHERE queue = ANY (ARRAY(SELECT queue FROM stale))
)
INSERT INTO dbjobs.job_queue (queue) SELECT unnest(:queues::text[]) ORDER BY 1 ON CONFLICT (queue) DO NOTHING;
