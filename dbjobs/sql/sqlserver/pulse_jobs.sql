-- What can change in a live job while somebody looks at it. An ended job yields no row, which is a change, too.
-- The primary keys serve it. READPAST: it does not wait for a locked job; the next look finds it.
DECLARE @ids nvarchar(max) = :ids;
SELECT j.id, j.state, j.attempt, j.progress, j.status, j.executed_at, j.cancel_requested_at, (
    SELECT MAX(l.id) FROM dbjobs.job_log AS l WITH (READPAST, READCOMMITTEDLOCK) WHERE l.job_id = j.id
) AS log_id
FROM OPENJSON(@ids) WITH (id bigint '$') AS w
JOIN dbjobs.background_job AS j WITH (READPAST, READCOMMITTEDLOCK) ON j.id = w.id;
