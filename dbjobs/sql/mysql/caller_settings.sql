-- The settings of a caller's own session that would change the meaning of our statements. The session stays as it is.
SELECT @@SESSION.sql_mode AS sql_mode, @@SESSION.sql_select_limit AS sql_select_limit,
    @@SESSION.sql_big_selects AS sql_big_selects;
