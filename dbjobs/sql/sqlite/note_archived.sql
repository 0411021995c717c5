-- What the main file keeps about the rows just copied to the file of one month (see the two tables). The texts of a
-- month are those between 'YYYY-MM' and 'YYYY-MM~'.
--
-- * It looks for the first and the last id from both ends of the table, which nearly always takes one row each.
-- * Only a past month can have ends in a later one. It compares the months by name, once per statement.
INSERT INTO dbjobs_month_range (month, first_id, last_id)
SELECT :month, min(id), max(id)
FROM (
    SELECT (
        SELECT id FROM dbjobs_finished_job
        WHERE created_at >= substr(:month, 1, 4) || '-' || substr(:month, 5, 2)
          AND created_at < substr(:month, 1, 4) || '-' || substr(:month, 5, 2) || '~'
        ORDER BY id
        LIMIT 1
    ) AS id
    UNION ALL
    SELECT (
        SELECT id FROM dbjobs_finished_job
        WHERE created_at >= substr(:month, 1, 4) || '-' || substr(:month, 5, 2)
          AND created_at < substr(:month, 1, 4) || '-' || substr(:month, 5, 2) || '~'
        ORDER BY id DESC
        LIMIT 1
    )
    UNION ALL
    SELECT job_id FROM dbjobs_job_log
    WHERE job_created_at >= substr(:month, 1, 4) || '-' || substr(:month, 5, 2)
      AND job_created_at < substr(:month, 1, 4) || '-' || substr(:month, 5, 2) || '~'
)
HAVING min(id) IS NOT NULL
ON CONFLICT (month) DO UPDATE
SET first_id = min(first_id, excluded.first_id), last_id = max(last_id, excluded.last_id);

INSERT OR IGNORE INTO dbjobs_late_end (created_month, ended_month)
SELECT :month, strftime('%Y%m', completed_at)
FROM dbjobs_finished_job
WHERE :month < strftime('%Y%m', 'now')
  AND created_at >= substr(:month, 1, 4) || '-' || substr(:month, 5, 2)
  AND created_at < substr(:month, 1, 4) || '-' || substr(:month, 5, 2) || '~'
  AND completed_at >= substr(:month, 1, 4) || '-' || substr(:month, 5, 2) || '~';
