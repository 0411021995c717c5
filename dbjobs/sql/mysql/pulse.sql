-- Numbers that change whenever something changes that a page shows. Runs four times a second while a page is open, so
-- its cost must not grow with any table; it locks nothing.
--
-- * newest_id: it reads only from the last answer on: rows that came and went may not have been purged yet.
-- * ended, retried: counters of the last two minutes, along the key of job_stat.
-- * started and what follows: the lines 'n:...' of the index `line` hold only what nodes hold; 500 are enough to see
--   that one moved. next_due: the first entry of the line 'due', which shows a promotion.
-- * Queues: `settings` serves them. Tasks: a few hundred rows.
SELECT (
    SELECT id FROM dbjobs_background_job WHERE id > :after_id ORDER BY id DESC LIMIT 1
) AS newest_id, s.ended, s.retried, b.started, b.cancels, b.progress, b.activity, (
    SELECT place FROM dbjobs_background_job FORCE INDEX (line) WHERE line = 'due' ORDER BY place, id LIMIT 1
) AS next_due, q.paused, q.limits, (
    SELECT CAST(SUM(revision % 1000003) AS SIGNED) FROM dbjobs_scheduled_task
) AS tasks, (
    SELECT MAX(id) FROM dbjobs_audit
) AS audit
FROM (
    SELECT CAST(SUM(completed + failed + cancelled) AS SIGNED) AS ended, CAST(SUM(retried) AS SIGNED) AS retried
    FROM dbjobs_job_stat
    WHERE minute >= UTC_TIMESTAMP(6) - INTERVAL 2 MINUTE
) s
CROSS JOIN (
    SELECT COUNT(*) AS started, COUNT(j.cancel_requested_at) AS cancels, SUM(j.progress) AS progress,
        MAX(j.last_activity_at) AS activity
    FROM (
        SELECT progress, cancel_requested_at, last_activity_at
        FROM dbjobs_background_job FORCE INDEX (line)
        WHERE line > 'n:' AND line < 'n;'
        ORDER BY line
        LIMIT 500
    ) j
) b
CROSS JOIN (
    SELECT CAST(SUM(o.paused) AS SIGNED) AS paused, CAST(SUM(o.concurrency) AS SIGNED) AS limits
    FROM (
        SELECT paused, concurrency FROM dbjobs_job_queue FORCE INDEX (settings) WHERE paused = 1
        UNION ALL
        SELECT paused, concurrency
        FROM dbjobs_job_queue FORCE INDEX (settings)
        WHERE paused = 0 AND concurrency IS NOT NULL
    ) o
) q;
