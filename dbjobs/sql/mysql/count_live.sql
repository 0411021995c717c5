-- Live jobs per queue and state, each line (see the table) counted up to a bound: the cost of a page must not grow with
-- the backlog. It counts along the index `line`, so the entries it visits are bounded too, and it visits none where
-- there are no jobs: purge may be far behind. Jobs that wait for parents that know of them are in no line.
SELECT queue, state, COUNT(*) AS jobs
FROM (
    (
        SELECT queue, state
        FROM dbjobs_background_job FORCE INDEX (line)
        WHERE line > 'q:' AND line < 'q;'
        ORDER BY line
        LIMIT :bound
    )
    UNION ALL
    (
        SELECT queue, state
        FROM dbjobs_background_job FORCE INDEX (line)
        WHERE line > 'w:' AND line < 'w;'
        ORDER BY line
        LIMIT :bound
    )
    UNION ALL
    (
        SELECT queue, state
        FROM dbjobs_background_job FORCE INDEX (line)
        WHERE line = 'due'
        LIMIT :bound
    )
    UNION ALL
    (
        SELECT queue, state
        FROM dbjobs_background_job FORCE INDEX (line)
        WHERE line > 'n:' AND line < 'n;'
        ORDER BY line
        LIMIT :bound
    )
    UNION ALL
    (
        SELECT queue, state
        FROM dbjobs_background_job FORCE INDEX (line)
        WHERE line = 'unresolved'
        LIMIT :bound
    )
    UNION ALL
    (
        SELECT queue, state
        FROM dbjobs_background_job FORCE INDEX (line)
        WHERE line IS NULL
        LIMIT :bound
    )
) j
GROUP BY queue, state
ORDER BY queue, state;
