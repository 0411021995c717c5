-- Rows of a transfer, whole, into a table: {columns} are all that the table has, {rows} a parameter for each value, row by row.
INSERT INTO dbjobs.{table} ({columns})
VALUES ({rows});
