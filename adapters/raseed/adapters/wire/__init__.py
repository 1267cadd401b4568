"""JSON that somebody else fixed: one package for each public API, no I/O in any of them."""
