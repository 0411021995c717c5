-- Which of these ref_ids exist, and where? Run AFTER the insert, in the same transaction. Live first, then history, in
-- statements of their own: a job that is moving at this moment is waited for, and then found in history.
DECLARE @ref_ids nvarchar(max) = :ref_ids;
DECLARE @wanted TABLE (ref_id nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY NONCLUSTERED);
DECLARE @found TABLE (
    ref_id nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    id bigint NOT NULL,
    live bit NOT NULL
);
INSERT INTO @wanted (ref_id)
SELECT DISTINCT r.ref_id COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@ref_ids) WITH (ref_id nvarchar(510) '$') AS r;
INSERT INTO @found (ref_id, id, live)
SELECT j.ref_id, j.id, 1
FROM @wanted AS w
JOIN dbjobs.background_job AS j WITH (FORCESEEK) ON j.ref_id = w.ref_id
WHERE j.ref_id IS NOT NULL;
INSERT INTO @found (ref_id, id, live)
SELECT c.ref_id, c.id, 0
FROM @wanted AS w
JOIN dbjobs.completed_job AS c WITH (FORCESEEK) ON c.ref_id = w.ref_id
WHERE c.ref_id IS NOT NULL;
INSERT INTO @found (ref_id, id, live)
SELECT f.ref_id, f.id, 0
FROM @wanted AS w
JOIN dbjobs.failed_job AS f WITH (FORCESEEK) ON f.ref_id = w.ref_id
WHERE f.ref_id IS NOT NULL;
SELECT ref_id, id, live FROM @found;
