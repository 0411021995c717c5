DROP TABLE IF EXISTS dbjobs_transfer;
