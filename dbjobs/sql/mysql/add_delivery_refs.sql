-- The keys of deliveries: notify: and the id of the job they report on. This transaction inserted that job, so nobody
-- else wants the key: no named lock (see hold_ref), one statement for all. If an application took such a key for a job
-- of its own, it stays with that job; only then does this lock the gap before it.
-- @rows refs
INSERT IGNORE INTO dbjobs_job_ref (ref_id, job_id, month)
VALUES (:ref_id, :job_id, EXTRACT(YEAR_MONTH FROM UTC_TIMESTAMP()));
