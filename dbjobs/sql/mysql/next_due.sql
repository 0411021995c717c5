-- Seconds until the next scheduled job is due (negative: overdue); no scheduled job: NULL.
SELECT (
    SELECT TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), run_after) / 1e6
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line = 'due'
    ORDER BY place, id
    LIMIT 1
) AS seconds;
