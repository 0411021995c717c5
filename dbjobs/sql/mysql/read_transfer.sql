SELECT name, value FROM dbjobs_transfer;
