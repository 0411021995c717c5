-- Why attempts failed in an hour on one node, whole: its own row is replaced, so that a write whose answer was lost is repeated
-- without harm. Also what a fold puts in, under a number that nobody else uses.
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
