-- Of a caller's own session, which we leave as it is: what would make our statements mean something else.
SELECT @@SESSION.sql_mode AS sql_mode, @@SESSION.sql_select_limit AS sql_select_limit,
    @@SESSION.sql_big_selects AS sql_big_selects;
