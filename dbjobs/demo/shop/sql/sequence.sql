-- New jobs get larger numbers than those of the past.
INSERT INTO sqlite_sequence (name, seq) VALUES ('dbjobs_background_job', :last_id);
