-- What a node has counted in a minute so far, in full: it replaces the row of that node, so a write with a lost answer
-- can be repeated safely. Also the sums of a fold, under a number that nobody else uses.
INSERT INTO dbjobs.job_rollup (
    period_seconds, starts, name, counter, queue, command, worker, completed, failed, cancelled, retried, run_ms,
    run_histogram, waits, wait_ms, wait_histogram
)
SELECT *
FROM unnest(
    :rows.period_seconds::integer[], :rows.starts::bigint[], :rows.name::text[], :rows.counter::bigint[],
    :rows.queue::text[], :rows.command::text[], :rows.worker::text[], :rows.completed::bigint[],
    :rows.failed::bigint[], :rows.cancelled::bigint[], :rows.retried::bigint[], :rows.run_ms::double precision[],
    :rows.run_histogram::text[], :rows.waits::bigint[], :rows.wait_ms::double precision[],
    :rows.wait_histogram::text[]
) AS r
ON CONFLICT (period_seconds, starts, name, counter) DO UPDATE
SET
    completed = excluded.completed, failed = excluded.failed, cancelled = excluded.cancelled,
    retried = excluded.retried, run_ms = excluded.run_ms, run_histogram = excluded.run_histogram,
    waits = excluded.waits, wait_ms = excluded.wait_ms, wait_histogram = excluded.wait_histogram;
