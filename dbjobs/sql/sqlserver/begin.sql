-- A handler may have set another isolation level in the transaction before this one.
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
BEGIN TRANSACTION;
