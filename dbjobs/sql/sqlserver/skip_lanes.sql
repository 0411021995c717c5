-- Where does a look over `scan_limit` lanes end (claim_lanes)? No row: there are fewer. Runs only when a look found
-- less than it wanted: if all of those lanes are held, blocked or unknown here, the next look goes on after them.
-- NOLOCK: it waits for nobody.
DECLARE @after_worker nvarchar(510) = :after_worker, @scan_limit int = :scan_limit;
DECLARE @looked_at int = 0;
WHILE @looked_at < @scan_limit
BEGIN
    SELECT TOP (1) @after_worker = j.worker
    FROM dbjobs.background_job AS j WITH (NOLOCK, INDEX (background_job_lane))
    WHERE j.state = N'queued' AND j.worker IS NOT NULL AND j.worker > @after_worker
    ORDER BY j.worker, j.priority, j.id;
    IF @@ROWCOUNT = 0 BREAK;
    SET @looked_at = @looked_at + 1;
END;
SELECT @after_worker AS worker WHERE @looked_at = @scan_limit;
