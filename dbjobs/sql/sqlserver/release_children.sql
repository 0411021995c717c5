-- Tells the children of ended parents that they have one parent less to wait for.
--
-- * One batch with its own commit, for any node. It locks ended_parent rows, edges and children, and skips those that
--   somebody else has locked (READPAST): an edge stays with its child and ended_parent with its edges, and the next
--   sweep comes back for them.
-- * A parent may have 100,000 children: each round reads `limit` edges, in the order of job_dependency_pkey. No ORDER BY:
--   a sort would lock all of them.
-- * If a parent did not complete, the child is named as doomed, unless it accepts any end, and keeps its edge: the
--   caller cancels it, and the next round finds it dead. Edges of children that no longer wait go.
-- * A child that we neither locked nor see here (NOLOCK) may be just leaving, and come back if that is rolled back: it
--   is dead once its end is committed (READPAST), or if history does not know it at all (NOLOCK).
-- * An edge inserted by an open transaction keeps ended_parent (NOLOCK). An edge with a rolled-back delete does not,
--   but does not need it either. Its delete happens here, under this lock; in resolve_children, where the child is
--   still unresolved and asks history; or in cancel_jobs and requeue_jobs, for a child with an end committed before.
DECLARE @parents nvarchar(max) = :parents, @limit int = :limit;
DECLARE @packed nvarchar(max), @now datetime2(6) = SYSUTCDATETIME();
DECLARE @wanted TABLE (id bigint NOT NULL PRIMARY KEY);
DECLARE @parent TABLE (id bigint NOT NULL PRIMARY KEY, state nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL);
DECLARE @edge TABLE (child_id bigint NOT NULL, parent_id bigint NOT NULL, PRIMARY KEY (child_id, parent_id));
DECLARE @child TABLE (
    id                  bigint NOT NULL PRIMARY KEY,
    state               nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    pending             int NOT NULL,
    unresolved          bit NOT NULL,
    depends_on_policy   nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    run_after           datetime2(6),
    queue               nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    priority            int NOT NULL,
    worker              nvarchar(510) COLLATE Latin1_General_100_BIN2,
    failed_parent_id    bigint,
    is_released         bit NOT NULL DEFAULT 0
);
DECLARE @dead TABLE (id bigint NOT NULL PRIMARY KEY);
DECLARE @told TABLE (child_id bigint NOT NULL, parent_id bigint NOT NULL, PRIMARY KEY (child_id, parent_id));
INSERT INTO @wanted (id) SELECT DISTINCT p.id FROM OPENJSON(@parents) WITH (id bigint '$') AS p;

BEGIN TRANSACTION;
INSERT INTO @parent (id, state)
SELECT e.parent_id, e.state
FROM @wanted AS w
JOIN dbjobs.ended_parent AS e WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK) ON e.parent_id = w.id;
INSERT INTO @edge (child_id, parent_id)
SELECT TOP (@limit) d.child_id, d.parent_id
FROM @parent AS p
JOIN dbjobs.job_dependency AS d
    WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (job_dependency_pkey)) ON d.parent_id = p.id
OPTION (FORCE ORDER, LOOP JOIN, MAXDOP 1);
INSERT INTO @child (id, state, pending, unresolved, depends_on_policy, run_after, queue, priority, worker)
SELECT j.id, j.state, j.pending, j.unresolved, j.depends_on_policy, j.run_after, j.queue, j.priority, j.worker
FROM (SELECT DISTINCT e.child_id FROM @edge AS e) AS e
JOIN dbjobs.background_job AS j
    WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = e.child_id;
INSERT INTO @dead (id)
SELECT DISTINCT e.child_id
FROM @edge AS e
WHERE NOT EXISTS (SELECT 1 FROM @child AS c WHERE c.id = e.child_id)
  AND NOT EXISTS (
      SELECT 1
      FROM dbjobs.background_job AS j WITH (NOLOCK, FORCESEEK, INDEX (background_job_pkey))
      WHERE j.id = e.child_id
  );
IF EXISTS (SELECT 1 FROM @dead)
    DELETE g
    FROM @dead AS g
    WHERE NOT EXISTS (
            SELECT 1 FROM dbjobs.failed_job AS f WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK) WHERE f.id = g.id
        )
      AND EXISTS (SELECT 1 FROM dbjobs.failed_job AS f WITH (NOLOCK, FORCESEEK) WHERE f.id = g.id);
UPDATE c
SET failed_parent_id = t.parent_id
FROM @child AS c
JOIN (
    SELECT e.child_id, MIN(e.parent_id) AS parent_id
    FROM @edge AS e
    JOIN @parent AS p ON p.id = e.parent_id
    WHERE p.state <> N'completed'
    GROUP BY e.child_id
) AS t ON t.child_id = c.id
WHERE c.state = N'waiting' AND c.depends_on_policy = N'completed';
INSERT INTO @told (child_id, parent_id)
SELECT e.child_id, e.parent_id
FROM @edge AS e
WHERE EXISTS (SELECT 1 FROM @child AS c WHERE c.id = e.child_id AND c.failed_parent_id IS NULL)
   OR EXISTS (SELECT 1 FROM @dead AS g WHERE g.id = e.child_id);
DELETE d
FROM @told AS t
JOIN dbjobs.job_dependency AS d WITH (ROWLOCK, FORCESEEK, INDEX (job_dependency_pkey))
    ON d.parent_id = t.parent_id AND d.child_id = t.child_id;
UPDATE c
SET is_released = 1, pending = CASE WHEN c.pending > t.parents THEN c.pending - t.parents ELSE 0 END,
    unresolved = CASE WHEN c.pending > t.parents THEN c.unresolved ELSE 0 END,
    state = CASE
        WHEN c.pending > t.parents THEN N'waiting'
        WHEN c.run_after > @now THEN N'scheduled'
        ELSE N'queued'
    END
FROM @child AS c
JOIN (SELECT child_id, COUNT(*) AS parents FROM @told GROUP BY child_id) AS t ON t.child_id = c.id
WHERE c.state = N'waiting';
UPDATE j
SET pending = c.pending, unresolved = c.unresolved, state = c.state
FROM @child AS c
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = c.id
WHERE c.is_released = 1;
DELETE e
FROM @parent AS p
JOIN dbjobs.ended_parent AS e WITH (ROWLOCK, FORCESEEK) ON e.parent_id = p.id
WHERE NOT EXISTS (
    SELECT 1
    FROM dbjobs.job_dependency AS d WITH (NOLOCK, FORCESEEK, INDEX (job_dependency_pkey))
    WHERE d.parent_id = p.id
);
SET @packed = (
    SELECT id, state, queue, priority, worker, failed_parent_id
    FROM @child
    WHERE is_released = 1 OR failed_parent_id IS NOT NULL
    ORDER BY id
    FOR JSON PATH, INCLUDE_NULL_VALUES
);
COMMIT TRANSACTION;
SELECT @packed AS packed;
