SELECT name, value FROM dbjobs.transfer;
