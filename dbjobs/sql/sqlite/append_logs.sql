-- Log lines of jobs that are history already: their handlers completed them (job.transaction()) and went on. Without a
-- fence or a look at the job: only the attempt whose own transaction committed comes here.
-- @each lines
INSERT INTO dbjobs_job_log (job_id, job_created_at, attempt, at, level, message)
VALUES (
    :job_id, strftime('%Y-%m-%d %H:%M:%f', :created_at), :attempt,
    strftime('%Y-%m-%d %H:%M:%f', 'now', -:age_seconds || ' seconds'), :level, :message
);
