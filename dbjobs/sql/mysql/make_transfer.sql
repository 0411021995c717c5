-- The state of a transfer from or into these tables: how far it is, and where they have gone. It exists only as long as
-- it matters, so no migration makes it.
CREATE TABLE IF NOT EXISTS dbjobs_transfer (
    name    VARCHAR(100) NOT NULL PRIMARY KEY,
    value   LONGTEXT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise};
