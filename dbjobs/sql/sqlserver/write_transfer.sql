DECLARE @name nvarchar(100) = :name, @value nvarchar(max) = :value;
INSERT INTO dbjobs.transfer (name, value) VALUES (@name, @value);
