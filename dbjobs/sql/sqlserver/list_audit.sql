-- Newest first. The primary key serves it.
DECLARE @before_id bigint = :before_id, @limit int = :limit;
SELECT (
    SELECT TOP (@limit) id, at, actor, action, target, outcome, details
    FROM dbjobs.audit
    WHERE id < @before_id
    ORDER BY id DESC
    FOR JSON PATH
) AS packed;
