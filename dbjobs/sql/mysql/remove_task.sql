-- By key, in one packet, so the row lock is short.
SELECT COUNT(*) INTO @found FROM dbjobs_scheduled_task WHERE name = :name FOR UPDATE;

DELETE FROM dbjobs_scheduled_task WHERE name = :name;

SELECT :name AS name FROM (SELECT 1 AS one) o WHERE @found = 1;
