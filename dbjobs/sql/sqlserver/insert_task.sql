-- Makes a task known; one that exists yields no row. If two nodes start at once, the lock on the gap lets one of them
-- insert. In a statement of its own, so that lock is short.
DECLARE @name nvarchar(510) = :name, @declared bit = :declared, @definition nvarchar(64) = :definition;
DECLARE @request_type nvarchar(20) = :request_type, @command nvarchar(510) = :command;
DECLARE @interval_seconds float = :interval_seconds, @cron nvarchar(255) = :cron, @zone nvarchar(255) = :zone;
DECLARE @rules nvarchar(max) = :rules, @job nvarchar(max) = :job, @next_run_at datetime2(6) = :next_run_at;
DECLARE @runs nvarchar(max) = :runs, @revision bigint = :revision;
INSERT INTO dbjobs.scheduled_task (
    name, declared, definition, request_type, command, interval_seconds, cron, zone, rules, job, next_run_at, runs,
    revision
)
OUTPUT inserted.name
SELECT @name, @declared, @definition, @request_type, @command, @interval_seconds, @cron, @zone, @rules, @job,
    @next_run_at, @runs, @revision
WHERE NOT EXISTS (SELECT 1 FROM dbjobs.scheduled_task AS t WITH (UPDLOCK, SERIALIZABLE) WHERE t.name = @name);
