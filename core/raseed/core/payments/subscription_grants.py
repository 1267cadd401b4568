"""Under which keys the ledger knows the credit of a period."""

from __future__ import annotations


def payment_key(payment_id: str) -> str:
    """Of what a payment gives."""
    return f"payment:{payment_id}"


def extra_key(period_id: str) -> str:
    """Of what is given beside it: for a trial, or what went over from the period before."""
    return f"period:{period_id}"


def grant_keys(period_id: str) -> tuple[str, str]:
    return payment_key(period_id), extra_key(period_id)
