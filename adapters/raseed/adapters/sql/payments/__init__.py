"""Payments in SQL: orders, what became of them, refunds, and what providers told of them."""
