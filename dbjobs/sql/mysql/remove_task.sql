-- By key, in one packet: the row is locked for no longer.
SELECT COUNT(*) INTO @found FROM dbjobs_scheduled_task WHERE name = :name FOR UPDATE;

DELETE FROM dbjobs_scheduled_task WHERE name = :name;

SELECT :name AS name FROM (SELECT 1 AS one) o WHERE @found = 1;
