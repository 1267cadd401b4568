"""Credits: prices, holds, and the ledger that cannot overspend."""
