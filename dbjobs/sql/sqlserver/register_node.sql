DECLARE @name nvarchar(510) = :name, @lease_seconds float = :lease_seconds, @info nvarchar(max) = :info;
INSERT INTO dbjobs.job_node (name, lease_expires_at, info)
OUTPUT inserted.id
VALUES (@name, DATEADD(millisecond, CONVERT(int, @lease_seconds * 1000), SYSUTCDATETIME()), @info);
