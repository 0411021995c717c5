-- A line of a job's log, on the same way.
INSERT INTO dbjobs_job_log (
    job_id, job_created_at, attempt, at, level, message
)
VALUES (
    :job_id, :job_created_at, :attempt, :at, :level, :message
);
