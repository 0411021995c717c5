-- Log lines of jobs that are history: their handlers have completed them before (job.transaction()) and went on. Nothing is
-- fenced, and no job is looked up: only the attempt whose own transaction has committed comes here.
-- @each lines
INSERT INTO dbjobs_job_log (job_id, job_created_at, attempt, at, level, message)
VALUES (
    :job_id, strftime('%Y-%m-%d %H:%M:%f', :created_at), :attempt,
    strftime('%Y-%m-%d %H:%M:%f', 'now', -:age_seconds || ' seconds'), :level, :message
);
