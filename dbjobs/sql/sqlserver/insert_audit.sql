DECLARE @actor nvarchar(max) = :actor, @action nvarchar(255) = :action, @target nvarchar(max) = :target;
DECLARE @outcome nvarchar(20) = :outcome, @details nvarchar(max) = :details;
INSERT INTO dbjobs.audit (actor, action, target, outcome, details)
VALUES (@actor, @action, @target, @outcome, @details);
