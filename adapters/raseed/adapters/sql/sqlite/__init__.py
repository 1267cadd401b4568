"""The database of one machine: one process, one writing connection, readers beside it; and the ledger on it."""
