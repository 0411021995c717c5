-- The state of a transfer from or into these tables: how far it is, and where they have gone. It exists only as long as
-- it matters, so no migration makes it.
IF OBJECT_ID(N'dbjobs.transfer') IS NULL
    CREATE TABLE dbjobs.transfer (
        name    nvarchar(100) NOT NULL PRIMARY KEY,
        value   nvarchar(max) NOT NULL
    );
