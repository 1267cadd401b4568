"""Receipts as people read them: a sheet of words and values, and the same sheet as HTML and as PDF."""
