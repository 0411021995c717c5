-- MariaDB: no statement of this connection is ended for the time it takes. It goes before all others and alone, because a
-- limit that has run out between two statements of one packet ends the packet without a word: the server has announced
-- another answer, which never comes.
SET SESSION max_statement_time = 0;
