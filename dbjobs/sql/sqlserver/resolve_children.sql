-- Resolves the children that an enqueue left unresolved: it tells their parents of them, or finds that these have
-- ended.
--
-- * One batch with its own commit. It locks children and live parents, and skips those that somebody else has locked
--   (READPAST): an undecided child stays as it is, and the next sweep comes back for it.
-- * It flags a parent (has_dependents) under its row's lock. The parent's finish reads the flag from its locked row
--   and then writes ended_parent; a reader that sees that row sees our edges, too. So a child is resolved once each of
--   its remaining parents is alive and flagged.
-- * If it could not lock a parent, somebody else has locked it, or it has ended, or it is gone for good (its month was
--   dropped, which counts as cancelled). To find out, the looks follow the way of a job, as in find_parents: alive
--   (NOLOCK), ended and committed (READPAST), moving (NOLOCK), requeued meanwhile (NOLOCK). Only a parent that none of
--   them sees is gone.
-- * Only the holder of a child's lock deletes its edges, and release_children needs that lock, too: so we read them as
--   they are.
-- * A row may be child and parent at once: we lock it once and write it twice.
-- * It leaves a child alone that its policy dooms, and names it: the caller cancels it.
DECLARE @ids nvarchar(max) = :ids, @packed nvarchar(max), @now datetime2(6) = SYSUTCDATETIME();
DECLARE @wanted TABLE (id bigint NOT NULL PRIMARY KEY);
DECLARE @child TABLE (
    id                  bigint NOT NULL PRIMARY KEY,
    pending             int NOT NULL,
    depends_on_policy   nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    run_after           datetime2(6),
    queue               nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    priority            int NOT NULL,
    worker              nvarchar(510) COLLATE Latin1_General_100_BIN2,
    remaining           int NOT NULL DEFAULT 0,     -- edges that stay
    undecided           int NOT NULL DEFAULT 0,
    failed_parent_id    bigint,
    state               nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL DEFAULT N'waiting'
);
DECLARE @edge TABLE (child_id bigint NOT NULL, parent_id bigint NOT NULL, PRIMARY KEY (child_id, parent_id));
DECLARE @parent TABLE (id bigint NOT NULL PRIMARY KEY);
-- alive (and locked by us), undecided, gone, or how it ended
DECLARE @verdict TABLE (id bigint NOT NULL PRIMARY KEY, state nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL);
INSERT INTO @wanted (id) SELECT DISTINCT i.id FROM OPENJSON(@ids) WITH (id bigint '$') AS i;

BEGIN TRANSACTION;
INSERT INTO @child (id, pending, depends_on_policy, run_after, queue, priority, worker)
SELECT j.id, j.pending, j.depends_on_policy, j.run_after, j.queue, j.priority, j.worker
FROM @wanted AS w
JOIN dbjobs.background_job AS j
    WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = w.id
WHERE j.unresolved = 1 AND j.state = N'waiting';
INSERT INTO @edge (child_id, parent_id)
SELECT d.child_id, d.parent_id
FROM @child AS c
JOIN dbjobs.job_dependency AS d WITH (READCOMMITTEDLOCK, FORCESEEK, INDEX (job_dependency_child)) ON d.child_id = c.id;
INSERT INTO @parent (id) SELECT DISTINCT e.parent_id FROM @edge AS e;
INSERT INTO @verdict (id, state)
SELECT j.id, N'alive'
FROM @parent AS p
JOIN dbjobs.background_job AS j
    WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = p.id;
DELETE p FROM @parent AS p WHERE EXISTS (SELECT 1 FROM @verdict AS v WHERE v.id = p.id);
IF EXISTS (SELECT 1 FROM @parent)
BEGIN
    INSERT INTO @verdict (id, state)
    SELECT p.id, N'undecided'
    FROM @parent AS p
    JOIN dbjobs.background_job AS j WITH (NOLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = p.id;
    DELETE p FROM @parent AS p WHERE EXISTS (SELECT 1 FROM @verdict AS v WHERE v.id = p.id);
    INSERT INTO @verdict (id, state)
    SELECT p.id, MIN(e.state)
    FROM @parent AS p
    CROSS APPLY (
        SELECT c.state FROM dbjobs.completed_job AS c WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK) WHERE c.id = p.id
        UNION ALL
        SELECT f.state FROM dbjobs.failed_job AS f WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK) WHERE f.id = p.id
    ) AS e
    GROUP BY p.id;
    DELETE p FROM @parent AS p WHERE EXISTS (SELECT 1 FROM @verdict AS v WHERE v.id = p.id);
END;
IF EXISTS (SELECT 1 FROM @parent)
BEGIN
    INSERT INTO @verdict (id, state)
    SELECT DISTINCT p.id, N'undecided'
    FROM @parent AS p
    CROSS APPLY (
        SELECT c.id FROM dbjobs.completed_job AS c WITH (NOLOCK, FORCESEEK) WHERE c.id = p.id
        UNION ALL
        SELECT f.id FROM dbjobs.failed_job AS f WITH (NOLOCK, FORCESEEK) WHERE f.id = p.id
    ) AS moving;
    DELETE p FROM @parent AS p WHERE EXISTS (SELECT 1 FROM @verdict AS v WHERE v.id = p.id);
    INSERT INTO @verdict (id, state)
    SELECT p.id, CASE WHEN j.id IS NULL THEN N'gone' ELSE N'undecided' END
    FROM @parent AS p
    LEFT JOIN dbjobs.background_job AS j WITH (NOLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = p.id;
END;

UPDATE j
SET has_dependents = 1
FROM @verdict AS v
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = v.id
WHERE v.state = N'alive' AND j.has_dependents = 0;
UPDATE c
SET remaining = t.remaining, undecided = t.undecided,
    failed_parent_id = CASE WHEN c.depends_on_policy = N'completed' THEN t.failed_parent_id END
FROM @child AS c
JOIN (
    SELECT e.child_id, SUM(CASE WHEN v.state IN (N'alive', N'undecided') THEN 1 ELSE 0 END) AS remaining,
        SUM(CASE WHEN v.state = N'undecided' THEN 1 ELSE 0 END) AS undecided,
        MIN(CASE WHEN v.state NOT IN (N'alive', N'undecided', N'completed') THEN e.parent_id END) AS failed_parent_id
    FROM @edge AS e
    JOIN @verdict AS v ON v.id = e.parent_id
    GROUP BY e.child_id
) AS t ON t.child_id = c.id;
UPDATE @child
SET state = CASE WHEN run_after > @now THEN N'scheduled' ELSE N'queued' END
WHERE failed_parent_id IS NULL AND remaining = 0;
DELETE d
FROM @edge AS e
JOIN @verdict AS v ON v.id = e.parent_id AND v.state NOT IN (N'alive', N'undecided')
JOIN @child AS c ON c.id = e.child_id AND c.failed_parent_id IS NULL
JOIN dbjobs.job_dependency AS d WITH (ROWLOCK, FORCESEEK, INDEX (job_dependency_pkey))
    ON d.parent_id = e.parent_id AND d.child_id = e.child_id;
UPDATE j
SET pending = c.remaining, state = c.state, unresolved = CASE WHEN c.undecided > 0 THEN 1 ELSE 0 END
FROM @child AS c
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = c.id
WHERE c.failed_parent_id IS NULL AND (c.undecided = 0 OR c.remaining <> c.pending);
SET @packed = (
    SELECT id, state, queue, priority, worker, failed_parent_id
    FROM @child
    WHERE failed_parent_id IS NOT NULL OR undecided = 0 OR remaining <> pending
    ORDER BY id
    FOR JSON PATH, INCLUDE_NULL_VALUES
);
COMMIT TRANSACTION;
SELECT @packed AS packed;
