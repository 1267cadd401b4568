"""What customers wrote and models answered, kept for a while: apart from the ledger, and erasable."""
