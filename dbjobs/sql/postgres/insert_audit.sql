INSERT INTO dbjobs.audit (actor, action, target, outcome, details)
VALUES (:actor, :action, :target, :outcome, :details);
