INSERT INTO dbjobs_audit (actor, action, target, outcome, details)
VALUES (:actor, :action, :target, :outcome, :details);
