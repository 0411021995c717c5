SELECT to_regclass('dbjobs.transfer') IS NOT NULL AS present;
