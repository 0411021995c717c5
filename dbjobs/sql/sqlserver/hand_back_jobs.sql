-- Hands attempts back without a charge: they were claimed but not run, or a shutdown interrupted them. The attempt's
-- number is still spent, so that (id, attempt, node_id) never comes again: the base from which tries are counted
-- moves instead. It locks our rows first, then writes them.
DECLARE @node_id bigint = :node_id, @outcomes nvarchar(max) = :outcomes, @packed nvarchar(max);
DECLARE @outcome TABLE (id bigint NOT NULL PRIMARY KEY, attempt int NOT NULL, release_worker bit);
DECLARE @returned TABLE (id bigint NOT NULL PRIMARY KEY, worker nvarchar(510) COLLATE Latin1_General_100_BIN2);
INSERT INTO @outcome (id, attempt, release_worker)
SELECT o.id, o.attempt, o.release_worker
FROM OPENJSON(@outcomes) WITH (id bigint, attempt int, release_worker bit) AS o;

BEGIN TRANSACTION;
INSERT INTO @returned (id, worker)
SELECT j.id, j.worker
FROM @outcome AS o
JOIN dbjobs.background_job AS j WITH (UPDLOCK, ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = o.id
WHERE j.attempt = o.attempt AND j.node_id = @node_id AND j.cancel_requested_at IS NULL;
UPDATE j
SET state = N'queued', attempt_base = j.attempt_base + 1, node_id = NULL, started_at = NULL, progress = NULL,
    status = NULL
FROM @returned AS r
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = r.id;
DELETE w
FROM @returned AS r
JOIN @outcome AS o ON o.id = r.id
JOIN dbjobs.job_worker AS w WITH (ROWLOCK, FORCESEEK) ON w.worker = r.worker
WHERE o.release_worker = 1 AND w.node_id = @node_id;
SET @packed = (SELECT id FROM @returned ORDER BY id FOR JSON PATH);
COMMIT TRANSACTION;
SELECT @packed AS packed;
