-- MariaDB: lifts the time limit on statements of this connection. It goes first and alone: if a limit runs out between
-- two statements of one packet, the server ends the packet silently, after it has announced another answer, which never
-- comes.
SET SESSION max_statement_time = 0;
