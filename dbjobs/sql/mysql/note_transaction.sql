-- Goes before statements that travel together to a Galera server: are they inside a transaction?
SET @dbjobs_open = @@in_transaction;
