-- Deletes old entries, some at a time, oldest first: the primary key is in time order.
DECLARE @seconds float = :seconds;
DECLARE @before datetime2(6) = DATEADD(day, -CONVERT(int, FLOOR(@seconds / 86400)), SYSUTCDATETIME());
DELETE a
FROM dbjobs.audit AS a
WHERE a.id IN (SELECT TOP (5000) o.id FROM dbjobs.audit AS o ORDER BY o.id)
  AND a.at < @before;
