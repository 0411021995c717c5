-- Deletes settings with names between two others that have not changed for a time. By the primary key.
DECLARE @first nvarchar(255) = :first, @last nvarchar(255) = :last, @seconds float = :seconds;
DECLARE @before datetime2(6) = DATEADD(
    millisecond, -CONVERT(int, (@seconds - FLOOR(@seconds / 86400) * 86400) * 1000),
    DATEADD(day, -CONVERT(int, FLOOR(@seconds / 86400)), SYSUTCDATETIME())
);
DELETE FROM dbjobs.setting WHERE name >= @first AND name < @last AND changed_at <= @before;
