-- After an error the transaction may be gone already (XACT_ABORT).
IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
