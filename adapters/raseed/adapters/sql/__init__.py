"""The database: tables, the one writer of SQLite, and the stores that stand on them."""
