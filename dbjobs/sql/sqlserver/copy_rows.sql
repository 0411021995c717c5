-- Whole rows of a transfer, into a table: {columns} are all its columns, {rows} a parameter for each value, row by row.
INSERT INTO dbjobs.{table} ({columns})
VALUES ({rows});
