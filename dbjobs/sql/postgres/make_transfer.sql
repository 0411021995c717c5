-- The state of a transfer from or into these tables: how far it is, and where they have gone. It exists only as long as
-- it matters, so no migration makes it.
CREATE TABLE IF NOT EXISTS dbjobs.transfer (
    name    text PRIMARY KEY,
    value   text NOT NULL
);
