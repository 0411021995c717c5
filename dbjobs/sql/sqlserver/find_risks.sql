-- Settings under which the server may lose commits. (2 is FORCED; ALLOWED leaves it to each transaction, and ours do
-- not ask for it.)
SELECT N'DELAYED_DURABILITY' AS setting, N'FORCED' AS value, N'DISABLED' AS wanted
FROM sys.databases
WHERE database_id = DB_ID() AND delayed_durability = 2;
