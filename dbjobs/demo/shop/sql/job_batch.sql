-- The counts of a batch, folded.
INSERT INTO dbjobs_job_batch (
    batch_id, created_at, changed_at, total, completed, failed, cancelled, folded
)
VALUES (
    :batch_id, :created_at, :changed_at, :total, :completed, :failed, :cancelled, :folded
);
