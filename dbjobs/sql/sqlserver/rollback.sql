-- After an error there may be none any more (XACT_ABORT).
IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
