-- Parents have ended, in this transaction: their children have one parent less to wait for. A child
-- whose parent did not complete is named in the result as doomed, unless it takes any end.
-- Children are updated in id order, so that two finishing nodes with common children do not deadlock.
DECLARE @parents nvarchar(max) = :parents, @packed nvarchar(max), @now datetime2(6) = SYSUTCDATETIME();
DECLARE @parent TABLE (id bigint NOT NULL PRIMARY KEY, state nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL);
DECLARE @edge TABLE (parent_id bigint NOT NULL, child_id bigint NOT NULL, PRIMARY KEY (child_id, parent_id));
DECLARE @child TABLE (id bigint NOT NULL PRIMARY KEY, parents int NOT NULL, failed_parent_id bigint);
DECLARE @released TABLE (
    id                  bigint NOT NULL PRIMARY KEY,
    state               nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    queue               nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    priority            int NOT NULL,
    worker              nvarchar(510) COLLATE Latin1_General_100_BIN2,
    depends_on_policy   nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL
);
INSERT INTO @parent (id, state)
SELECT p.id, p.state FROM OPENJSON(@parents) WITH (id bigint, state nvarchar(20)) AS p;

BEGIN TRANSACTION;
DELETE d
OUTPUT deleted.parent_id, deleted.child_id INTO @edge (parent_id, child_id)
FROM @parent AS p
JOIN dbjobs.job_dependency AS d WITH (ROWLOCK, FORCESEEK) ON d.parent_id = p.id;
INSERT INTO @child (id, parents, failed_parent_id)
SELECT e.child_id, COUNT(*), MIN(CASE WHEN p.state <> N'completed' THEN p.id END)
FROM @edge AS e
JOIN @parent AS p ON p.id = e.parent_id
GROUP BY e.child_id;
UPDATE j
SET pending = CASE WHEN j.pending > c.parents THEN j.pending - c.parents ELSE 0 END,
    state = CASE
        WHEN c.failed_parent_id IS NOT NULL AND j.depends_on_policy = N'completed' THEN N'waiting'
        WHEN j.pending > c.parents THEN N'waiting'
        WHEN j.run_after > @now THEN N'scheduled'
        ELSE N'queued'
    END
OUTPUT inserted.id, inserted.state, inserted.queue, inserted.priority, inserted.worker, inserted.depends_on_policy
INTO @released (id, state, queue, priority, worker, depends_on_policy)
FROM @child AS c
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = c.id
WHERE j.state = N'waiting';
SET @packed = (
    SELECT r.id, r.state, r.queue, r.priority, r.worker,
        CASE WHEN r.depends_on_policy = N'completed' THEN c.failed_parent_id END AS failed_parent_id
    FROM @released AS r
    JOIN @child AS c ON c.id = r.id
    ORDER BY r.id
    FOR JSON PATH, INCLUDE_NULL_VALUES
);
COMMIT TRANSACTION;
SELECT @packed AS packed;
