SELECT CONCAT(N'SQL Server ', CONVERT(nvarchar(128), SERVERPROPERTY('ProductVersion'))) AS version;
