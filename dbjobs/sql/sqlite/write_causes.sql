-- Why attempts failed in an hour on one node, in full: it replaces the row of that node, so a write with a lost answer
-- can be repeated safely. Also the sums of a fold, under a number that nobody else uses.
-- @rows rows
INSERT INTO dbjobs_job_cause (
    period_seconds, starts, cause, counter, command, code, frame, jobs, attempts, first_at, last_at, message, sample
)
VALUES (
    :period_seconds, :starts, :cause, :counter, :command, :code, :frame, :jobs, :attempts, :first_at, :last_at,
    :message, :sample
)
ON CONFLICT (period_seconds, starts, cause, counter) DO UPDATE
SET jobs = excluded.jobs, attempts = excluded.attempts, first_at = excluded.first_at, last_at = excluded.last_at,
    message = excluded.message, sample = excluded.sample;
