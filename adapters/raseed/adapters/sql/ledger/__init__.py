"""What was booked: rows, reports, invariants and proof, the same on both databases."""
