-- What a node has counted in a minute so far, in full: it replaces the row of that node, so a write with a lost answer
-- can be repeated safely. Also the sums of a fold, under a number that nobody else uses.
-- @rows rows
INSERT INTO dbjobs_job_rollup (
    period_seconds, starts, name, counter, queue, command, worker, completed, failed, cancelled, retried, run_ms,
    run_histogram, waits, wait_ms, wait_histogram
)
VALUES (
    :period_seconds, :starts, :name, :counter, :queue, :command, :worker, :completed, :failed, :cancelled,
    :retried, :run_ms, :run_histogram, :waits, :wait_ms, :wait_histogram
)
ON CONFLICT (period_seconds, starts, name, counter) DO UPDATE
SET
    completed = excluded.completed, failed = excluded.failed, cancelled = excluded.cancelled,
    retried = excluded.retried, run_ms = excluded.run_ms, run_histogram = excluded.run_histogram,
    waits = excluded.waits, wait_ms = excluded.wait_ms, wait_histogram = excluded.wait_histogram;
