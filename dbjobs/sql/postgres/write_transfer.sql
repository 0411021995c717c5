INSERT INTO dbjobs.transfer (name, value) VALUES (:name::text, :value::text);
