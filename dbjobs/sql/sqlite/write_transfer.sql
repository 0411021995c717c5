INSERT INTO dbjobs_transfer (name, value) VALUES (:name, :value);
