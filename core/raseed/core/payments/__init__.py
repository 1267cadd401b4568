"""Money that comes in: checkouts, what providers say of them, and what is credited for it."""
