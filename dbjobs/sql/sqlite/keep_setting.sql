-- If two processes come at once, the first commit stands, and both read it with get_setting afterwards.
INSERT INTO dbjobs_setting (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING;
