-- Ids of live jobs by their options, a page at a time (keyset on id). RECOMPILE: which index serves it depends on which
-- options are given. READPAST: it does not wait for an uncommitted enqueue or a locked job.
DECLARE @after_id bigint = :after_id, @limit int = :limit;
DECLARE @state nvarchar(20) = :state, @worker nvarchar(510) = :worker, @queue nvarchar(510) = :queue;
DECLARE @tag nvarchar(510) = :tag, @batch_id nvarchar(510) = :batch_id;
DECLARE @found TABLE (id bigint NOT NULL PRIMARY KEY);
INSERT INTO @found (id)
SELECT TOP (@limit) id
FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK)
WHERE id > @after_id
  AND (@state IS NULL OR state = @state)
  AND (@worker IS NULL OR worker = @worker)
  AND (@queue IS NULL OR queue = @queue)
  AND (@tag IS NULL OR tag = @tag)
  AND (@batch_id IS NULL OR batch_id = @batch_id)
ORDER BY id
OPTION (RECOMPILE);
SELECT (SELECT id FROM @found ORDER BY id FOR JSON PATH) AS packed;
