"""Organisations, members and invitations in SQL."""
