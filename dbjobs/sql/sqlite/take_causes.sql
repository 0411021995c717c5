-- Takes out rows of one period that are old enough to fold or to forget, some at a time; the caller of a fold puts
-- their sums in, in the same transaction.
DELETE FROM dbjobs_job_cause
WHERE rowid IN (
    SELECT rowid
    FROM dbjobs_job_cause
    WHERE period_seconds = :period AND starts < :before
    ORDER BY starts
    LIMIT :most
)
RETURNING
    period_seconds, starts, cause, counter, command, code, frame, jobs, attempts, first_at, last_at, message, sample;
