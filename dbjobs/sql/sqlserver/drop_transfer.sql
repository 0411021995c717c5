DROP TABLE IF EXISTS dbjobs.transfer;
