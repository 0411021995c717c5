-- Does this file hold anything that belongs in the file of a month? No row: it does not.
SELECT 1 AS found
WHERE EXISTS (SELECT 1 FROM dbjobs_finished_job)
   OR EXISTS (SELECT 1 FROM dbjobs_job_log)
   OR EXISTS (SELECT 1 FROM dbjobs_requeued_job);
