-- The exact counts, which the engine writes with the outcomes; counter 0: folded.
INSERT INTO dbjobs_job_stat (
    minute, queue, command, counter, completed, failed, cancelled, retried, duration_ms
)
VALUES (
    :minute, :queue, :command, :counter, :completed, :failed, :cancelled, :retried, :duration_ms
);
