"""Notices in SQL: what is to be sent, to whom, and what they want to be told."""
