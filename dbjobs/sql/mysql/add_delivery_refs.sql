-- The keys of deliveries: notify: and the id of the job that they tell of, which this transaction has inserted, so nobody
-- else wants them: no lock by name (see hold_ref), one statement for all. One that an application has taken for a job of
-- its own stays with that one; only then does this lock the gap in front of it.
-- @rows refs
INSERT IGNORE INTO dbjobs_job_ref (ref_id, job_id, month)
VALUES (:ref_id, :job_id, EXTRACT(YEAR_MONTH FROM UTC_TIMESTAMP()));
