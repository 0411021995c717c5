-- Writes a task that was read at this revision; no row if it has changed since, or if somebody has locked it.
DECLARE @name nvarchar(510) = :name, @revision bigint = :revision, @declared bit = :declared;
DECLARE @definition nvarchar(64) = :definition, @request_type nvarchar(20) = :request_type;
DECLARE @command nvarchar(510) = :command, @interval_seconds float = :interval_seconds, @cron nvarchar(255) = :cron;
DECLARE @zone nvarchar(255) = :zone, @rules nvarchar(max) = :rules, @job nvarchar(max) = :job, @paused bit = :paused;
DECLARE @next_run_at datetime2(6) = :next_run_at, @last_run_at datetime2(6) = :last_run_at;
DECLARE @runs nvarchar(max) = :runs, @missed bigint = :missed, @skipped bigint = :skipped;
UPDATE t
SET declared = @declared, definition = @definition, request_type = @request_type, command = @command,
    interval_seconds = @interval_seconds, cron = @cron, zone = @zone, rules = @rules, job = @job, paused = @paused,
    next_run_at = @next_run_at, last_run_at = @last_run_at, runs = @runs, missed = @missed, skipped = @skipped,
    revision = t.revision + 1
OUTPUT inserted.name
FROM dbjobs.scheduled_task AS t WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (scheduled_task_pkey))
WHERE t.name = @name AND t.revision = @revision;
