-- Is this caller's session in a transaction? Its driver does not tell. A savepoint that is made outside of one is gone
-- at once, so the second statement fails (error 1305, no such savepoint). It locks nothing and reads nothing.
SAVEPOINT dbjobs;
RELEASE SAVEPOINT dbjobs;
