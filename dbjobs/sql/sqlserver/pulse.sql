-- Numbers that change whenever something changes that a page shows. Runs four times a second while a page is open, so
-- its cost must not grow with any table. READPAST: it does not wait for locked rows.
--
-- * newest_id: it reads only from the last answer on. ended, retried: counters of the last two minutes, along the key
--   of job_stat.
-- * started and what follows: background_job_node holds only what nodes hold; 500 are enough to see that one moved.
-- * next_due: background_job_due's first entry, which shows a promotion. Queues: an index per kind, because a filtered
--   index takes no OR. Tasks: a few hundred rows; NOLOCK, so it does not wait for one that is being fired.
DECLARE @after_id bigint = :after_id;
SELECT (
    SELECT TOP (1) id
    FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK)
    WHERE id > @after_id
    ORDER BY id DESC
) AS newest_id, s.ended, s.retried, b.started, b.cancels, b.progress, b.activity, (
    SELECT MIN(run_after) FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK) WHERE state = N'scheduled'
) AS next_due, q.paused, q.limits, (
    SELECT SUM(revision % 1000003) FROM dbjobs.scheduled_task WITH (NOLOCK)
) AS tasks, (
    SELECT MAX(id) FROM dbjobs.audit WITH (READPAST, READCOMMITTEDLOCK)
) AS audit
FROM (
    SELECT SUM(completed + failed + cancelled) AS ended, SUM(retried) AS retried
    FROM dbjobs.job_stat WITH (READPAST, READCOMMITTEDLOCK)
    WHERE minute >= DATEADD(minute, -2, SYSUTCDATETIME())
) AS s
CROSS JOIN (
    SELECT COUNT_BIG(*) AS started, COUNT_BIG(j.cancel_requested_at) AS cancels, SUM(j.progress) AS progress,
        MAX(j.last_activity_at) AS activity
    FROM (
        SELECT TOP (500) progress, cancel_requested_at, last_activity_at
        FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK, INDEX (background_job_node))
        WHERE node_id IS NOT NULL
        ORDER BY node_id
    ) AS j
) AS b
CROSS JOIN (
    SELECT SUM(CONVERT(bigint, o.paused)) AS paused, SUM(CONVERT(bigint, o.concurrency)) AS limits
    FROM (
        SELECT paused, concurrency
        FROM dbjobs.job_queue WITH (INDEX (job_queue_paused), READPAST, READCOMMITTEDLOCK)
        WHERE paused = 1
        UNION ALL
        SELECT paused, concurrency
        FROM dbjobs.job_queue WITH (INDEX (job_queue_limited), READPAST, READCOMMITTEDLOCK)
        WHERE paused = 0 AND concurrency IS NOT NULL
    ) AS o
) AS q;
