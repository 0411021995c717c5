-- Takes out rows of one period that are old enough to fold, some at a time; the caller puts their sums in, in the same
-- transaction.
DELETE FROM dbjobs_job_rollup
WHERE rowid IN (
    SELECT rowid
    FROM dbjobs_job_rollup
    WHERE period_seconds = :period AND starts < :before
    ORDER BY starts
    LIMIT :most
)
RETURNING
    period_seconds, starts, name, counter, queue, command, worker, completed, failed, cancelled, retried, run_ms,
    run_histogram, waits, wait_ms, wait_histogram;
