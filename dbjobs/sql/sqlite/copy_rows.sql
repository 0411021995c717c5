-- Whole rows of a transfer, into a table: {columns} are all its columns, {values} a parameter for each.
-- @rows rows
INSERT INTO dbjobs_{table} ({columns})
VALUES ({values});
