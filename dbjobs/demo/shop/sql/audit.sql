-- What somebody has done on the page.
INSERT INTO dbjobs_audit (
    at, actor, action, target, outcome, details
)
VALUES (
    :at, :actor, :action, :target, :outcome, :details
);
