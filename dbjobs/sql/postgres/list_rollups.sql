-- Counts in rows that start in a span (seconds since 1970, :until excluded). The primary key serves each period.
-- Minutes have queue, command and worker. Hours and days have either queue and command, or the worker, or neither (see
-- tally.fold): :family says which of these is wanted, so that a year is not a row for each name.
SELECT
    period_seconds, starts, name, counter, queue, command, worker, completed, failed, cancelled, retried, run_ms,
    run_histogram, waits, wait_ms, wait_histogram
FROM dbjobs.job_rollup
WHERE period_seconds = 60 AND starts >= :since::bigint AND starts < :until::bigint
  AND (:family::text <> 'workers' OR worker <> '')
  AND (:queue::text IS NULL OR queue = :queue::text) AND (:command::text IS NULL OR command = :command::text)
  AND (:worker::text IS NULL OR worker = :worker::text)
UNION ALL
SELECT
    period_seconds, starts, name, counter, queue, command, worker, completed, failed, cancelled, retried, run_ms,
    run_histogram, waits, wait_ms, wait_histogram
FROM dbjobs.job_rollup
WHERE period_seconds = 3600 AND starts >= :since::bigint AND starts < :until::bigint
  AND ((:family::text = 'total' AND command = '' AND worker = '') OR (:family::text = 'names' AND command <> '')
    OR (:family::text = 'workers' AND worker <> ''))
  AND (:queue::text IS NULL OR queue = :queue::text) AND (:command::text IS NULL OR command = :command::text)
  AND (:worker::text IS NULL OR worker = :worker::text)
UNION ALL
SELECT
    period_seconds, starts, name, counter, queue, command, worker, completed, failed, cancelled, retried, run_ms,
    run_histogram, waits, wait_ms, wait_histogram
FROM dbjobs.job_rollup
WHERE period_seconds = 86400 AND starts >= :since::bigint AND starts < :until::bigint
  AND ((:family::text = 'total' AND command = '' AND worker = '') OR (:family::text = 'names' AND command <> '')
    OR (:family::text = 'workers' AND worker <> ''))
  AND (:queue::text IS NULL OR queue = :queue::text) AND (:command::text IS NULL OR command = :command::text)
  AND (:worker::text IS NULL OR worker = :worker::text);
