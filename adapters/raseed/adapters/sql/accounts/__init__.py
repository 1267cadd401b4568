"""Accounts, sign-in, keys and sessions in SQL."""
