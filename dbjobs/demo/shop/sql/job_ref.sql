-- The key of a task's run, by which the page finds what became of it.
INSERT INTO dbjobs_job_ref (
    ref_id, job_id, month
)
VALUES (
    :ref_id, :job_id, :month
);
