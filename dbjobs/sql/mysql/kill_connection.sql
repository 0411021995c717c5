-- Ends the connection of a caller that gave up. Its statement would go on and commit; ending the connection rolls it
-- back.
KILL :thread_id;
