-- Rows of a transfer, whole, into the request log's file of their month: {columns} are all that the table has, {values} a parameter for each.
-- That file commits by itself, before the place of the transfer is written: after a crash in between the same rows come
-- again.
-- @rows rows
INSERT OR REPLACE INTO {table} ({columns})
VALUES ({values});
