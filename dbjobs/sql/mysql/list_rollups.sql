-- Counts in rows that start in a span (seconds since 1970, :until excluded). The primary key serves each period.
-- Minutes have queue, command and worker. Hours and days have either queue and command, or the worker, or neither (see
-- tally.fold): :family says which of these is wanted, so that a year is not a row for each name.
SELECT
    period_seconds, starts, name, counter, queue, command, worker, completed, failed, cancelled, retried, run_ms,
    run_histogram, waits, wait_ms, wait_histogram
FROM dbjobs_job_rollup FORCE INDEX (PRIMARY)
WHERE period_seconds = 60 AND starts >= :since AND starts < :until
  AND (:family <> 'workers' OR worker <> '')
  AND (:queue IS NULL OR queue = :queue) AND (:command IS NULL OR command = :command)
  AND (:worker IS NULL OR worker = :worker)
UNION ALL
SELECT
    period_seconds, starts, name, counter, queue, command, worker, completed, failed, cancelled, retried, run_ms,
    run_histogram, waits, wait_ms, wait_histogram
FROM dbjobs_job_rollup FORCE INDEX (PRIMARY)
WHERE period_seconds = 3600 AND starts >= :since AND starts < :until
  AND ((:family = 'total' AND command = '' AND worker = '') OR (:family = 'names' AND command <> '')
    OR (:family = 'workers' AND worker <> ''))
  AND (:queue IS NULL OR queue = :queue) AND (:command IS NULL OR command = :command)
  AND (:worker IS NULL OR worker = :worker)
UNION ALL
SELECT
    period_seconds, starts, name, counter, queue, command, worker, completed, failed, cancelled, retried, run_ms,
    run_histogram, waits, wait_ms, wait_histogram
FROM dbjobs_job_rollup FORCE INDEX (PRIMARY)
WHERE period_seconds = 86400 AND starts >= :since AND starts < :until
  AND ((:family = 'total' AND command = '' AND worker = '') OR (:family = 'names' AND command <> '')
    OR (:family = 'workers' AND worker <> ''))
  AND (:queue IS NULL OR queue = :queue) AND (:command IS NULL OR command = :command)
  AND (:worker IS NULL OR worker = :worker);
