-- A statement whose caller has gone would go on, and be committed: its connection is ended, which rolls it back.
KILL :thread_id;
