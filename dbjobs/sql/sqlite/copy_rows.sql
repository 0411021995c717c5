-- Rows of a transfer, whole, into a table: {columns} are all that the table has, {values} a parameter for each.
-- @rows rows
INSERT INTO dbjobs_{table} ({columns})
VALUES ({values});
