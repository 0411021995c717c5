-- Whole rows of a transfer, into the request log's file of their month: {columns} are all columns of the table,
-- {values} a parameter for each. That file commits by itself, before the transfer writes its place: after a crash in
-- between the same rows come again.
-- @rows rows
INSERT OR REPLACE INTO {table} ({columns})
VALUES ({values});
