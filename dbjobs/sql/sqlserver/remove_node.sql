-- Frees the lanes of a node that holds no more jobs, and deletes the node. A node that still holds jobs stays whole.
-- Only called for a buried node, or for our own stopped one: nobody claims in its name any more, so the look may come
-- before the transaction. A locked job counts as held, and we do not wait for it: NOWAIT ends the look there with error
-- 1222. (READPAST would miss a job with an uncommitted end, which might be rolled back.)
DECLARE @node_id bigint = :node_id, @held bit = 0;
DECLARE @removed TABLE (id bigint NOT NULL);
BEGIN TRY
    IF EXISTS (
        SELECT 1
        FROM dbjobs.background_job WITH (READCOMMITTEDLOCK, NOWAIT, FORCESEEK, INDEX (background_job_node))
        WHERE node_id = @node_id AND node_id IS NOT NULL
    )
        SET @held = 1;
END TRY
BEGIN CATCH
    IF ERROR_NUMBER() <> 1222 THROW;
    SET @held = 1;
END CATCH;
IF @held = 0
BEGIN
    BEGIN TRANSACTION;
    DELETE w
    FROM dbjobs.job_worker AS w WITH (ROWLOCK, FORCESEEK, INDEX (job_worker_node))
    WHERE w.node_id = @node_id AND w.node_id IS NOT NULL;
    DELETE FROM dbjobs.job_node OUTPUT deleted.id INTO @removed (id) WHERE id = @node_id;
    COMMIT TRANSACTION;
END;
SELECT id FROM @removed;
