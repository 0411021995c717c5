-- Is this caller's session in a transaction? Its driver does not say. A savepoint outside a transaction vanishes at
-- once, so the second statement fails (error 1305, no such savepoint). It locks and reads nothing.
SAVEPOINT dbjobs;
RELEASE SAVEPOINT dbjobs;
