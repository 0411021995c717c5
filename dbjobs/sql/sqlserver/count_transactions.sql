SELECT @@TRANCOUNT AS transactions;
