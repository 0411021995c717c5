-- Parents have ended, in this transaction: their children have one parent less to wait for. A child
-- whose parent did not complete is named in the result as doomed, unless it takes any end.
-- Children are locked in id order, so that two finishing nodes with common children do not deadlock.
DECLARE @parents nvarchar(max) = :parents, @packed nvarchar(max), @now datetime2(6) = SYSUTCDATETIME();
DECLARE @parent TABLE (id bigint NOT NULL PRIMARY KEY, state nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL);
DECLARE @edge TABLE (parent_id bigint NOT NULL, child_id bigint NOT NULL, PRIMARY KEY (child_id, parent_id));
DECLARE @child TABLE (id bigint NOT NULL PRIMARY KEY, parents int NOT NULL, failed_parent_id bigint);
DECLARE @released TABLE (
    id                  bigint NOT NULL PRIMARY KEY,
    state               nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    pending             int NOT NULL,
    queue               nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    priority            int NOT NULL,
    worker              nvarchar(510) COLLATE Latin1_General_100_BIN2,
    failed_parent_id    bigint
);
INSERT INTO @parent (id, state)
SELECT p.id, p.state FROM OPENJSON(@parents) WITH (id bigint, state nvarchar(20)) AS p;

BEGIN TRANSACTION;
INSERT INTO @edge (parent_id, child_id)
SELECT d.parent_id, d.child_id
FROM @parent AS p
JOIN dbjobs.job_dependency AS d WITH (UPDLOCK, ROWLOCK, FORCESEEK) ON d.parent_id = p.id;
DELETE d
FROM @edge AS e
JOIN dbjobs.job_dependency AS d WITH (ROWLOCK, FORCESEEK) ON d.parent_id = e.parent_id AND d.child_id = e.child_id;
INSERT INTO @child (id, parents, failed_parent_id)
SELECT e.child_id, COUNT(*), MIN(CASE WHEN p.state <> N'completed' THEN p.id END)
FROM @edge AS e
JOIN @parent AS p ON p.id = e.parent_id
GROUP BY e.child_id;
INSERT INTO @released (id, state, pending, queue, priority, worker, failed_parent_id)
SELECT j.id,
    CASE
        WHEN c.failed_parent_id IS NOT NULL AND j.depends_on_policy = N'completed' THEN N'waiting'
        WHEN j.pending > c.parents THEN N'waiting'
        WHEN j.run_after > @now THEN N'scheduled'
        ELSE N'queued'
    END,
    CASE WHEN j.pending > c.parents THEN j.pending - c.parents ELSE 0 END,
    j.queue, j.priority, j.worker, CASE WHEN j.depends_on_policy = N'completed' THEN c.failed_parent_id END
FROM @child AS c
JOIN dbjobs.background_job AS j WITH (UPDLOCK, ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = c.id
WHERE j.state = N'waiting';
UPDATE j
SET pending = r.pending, state = r.state
FROM @released AS r
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = r.id;
SET @packed = (
    SELECT id, state, queue, priority, worker, failed_parent_id
    FROM @released
    ORDER BY id
    FOR JSON PATH, INCLUDE_NULL_VALUES
);
COMMIT TRANSACTION;
SELECT @packed AS packed;
