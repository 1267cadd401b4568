"""Operators and the audit log in SQL."""
