-- Minutes older than two days become hours, of all nodes together (node 0). Locked first, so that two nodes do
-- not both count the same minutes; one moment for all three statements.
-- @as moment
SELECT DATE_FORMAT(UTC_TIMESTAMP() - INTERVAL 48 HOUR, '%Y-%m-%d %H:00:00') AS hour;

-- @each moment as old
SELECT COUNT(*) AS minutes
FROM dbjobs_job_stat
WHERE minute < :hour AND (node_id <> 0 OR MINUTE(minute) <> 0)
FOR UPDATE;

-- @each moment
INSERT INTO dbjobs_job_stat (minute, queue, command, node_id, completed, failed, cancelled, retried, duration_ms)
SELECT hour, queue, command, 0, completed, failed, cancelled, retried, duration_ms
FROM (
    SELECT DATE_FORMAT(minute, '%Y-%m-%d %H:00:00') AS hour, queue, command, SUM(completed) AS completed,
        SUM(failed) AS failed, SUM(cancelled) AS cancelled, SUM(retried) AS retried, SUM(duration_ms) AS duration_ms
    FROM dbjobs_job_stat
    WHERE minute < :hour AND (node_id <> 0 OR MINUTE(minute) <> 0)
    GROUP BY 1, 2, 3
) n
ON DUPLICATE KEY UPDATE
    completed = dbjobs_job_stat.completed + n.completed, failed = dbjobs_job_stat.failed + n.failed,
    cancelled = dbjobs_job_stat.cancelled + n.cancelled, retried = dbjobs_job_stat.retried + n.retried,
    duration_ms = dbjobs_job_stat.duration_ms + n.duration_ms;

-- @each moment
DELETE FROM dbjobs_job_stat WHERE minute < :hour AND (node_id <> 0 OR MINUTE(minute) <> 0);
