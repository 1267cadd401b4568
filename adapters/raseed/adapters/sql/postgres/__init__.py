"""The database that any number of workers share, and the ledger on it."""
