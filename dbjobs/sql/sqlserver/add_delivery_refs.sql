-- The keys of deliveries: notify: and the id of the job they report on. This transaction inserted that job, so nobody
-- else wants the key: no application lock (see add_refs). If an application took such a key for a job of its own, it
-- stays with that job; the look keeps no lock.
DECLARE @refs nvarchar(max) = :refs;
INSERT INTO dbjobs.job_ref (ref_id, job_id, month)
SELECT r.ref_id, r.job_id, YEAR(j.created_at) * 100 + MONTH(j.created_at)
FROM OPENJSON(@refs) WITH (ref_id nvarchar(510), job_id bigint) AS r
JOIN dbjobs.background_job AS j WITH (READCOMMITTEDLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = r.job_id
WHERE NOT EXISTS (
    SELECT 1
    FROM dbjobs.job_ref AS k WITH (READCOMMITTEDLOCK, FORCESEEK, INDEX (job_ref_pkey))
    WHERE k.ref_id = r.ref_id COLLATE Latin1_General_100_BIN2
);
