"""What a caller is told when the ledger refuses a command."""

from __future__ import annotations

from typing import NoReturn

from raseed.core.billing.commands import Refusal, Refused
from raseed.core.billing.spend_caps import is_of_member
from raseed.core.errors import (
    INSUFFICIENT_CREDITS_MESSAGE,
    AccountSuspended,
    CreditExhausted,
    HeldByOpenRequests,
    NotFound,
    RaseedError,
    RequestReusedWithOtherInput,
    SpendCapReached,
    Unauthenticated,
)


def raise_refusal(refused: Refused) -> NoReturn:
    """The error that a caller sees for a refused command."""
    figures = {
        "required_microcredits": str(refused.required_microcredits),
        "available_microcredits": str(refused.spendable_microcredits),
        "held_microcredits": str(refused.held_microcredits),
        "unit": "microcredits",
    }
    match refused.refusal:
        case Refusal.CANNOT_BE_WRITTEN:
            raise RaseedError("The ledger cannot write this.")
        case Refusal.CREDIT_EXHAUSTED:
            raise CreditExhausted(INSUFFICIENT_CREDITS_MESSAGE, metadata=figures)
        case Refusal.HELD_BY_OPEN_REQUESTS:
            raise HeldByOpenRequests(INSUFFICIENT_CREDITS_MESSAGE, metadata=figures)
        case Refusal.SPEND_CAP_REACHED:
            raise SpendCapReached(_whose_cap(refused), metadata=figures)
        case Refusal.ACCOUNT_NOT_ACTIVE:
            raise AccountSuspended("This account is not active.")
        case Refusal.ACCOUNT_UNKNOWN:
            raise Unauthenticated("This account no longer exists.")
        case Refusal.GRANT_UNKNOWN:
            raise NotFound("This account has no such grant, or nothing is left of it.")
        case Refusal.REUSED_WITH_OTHER_INPUT:
            raise RequestReusedWithOtherInput("This request id was used before with other content.")
        case _:
            raise RaseedError(f"The ledger refused: {refused.refusal}.")


def _whose_cap(refused: Refused) -> str:
    if refused.bucket_id is not None and is_of_member(refused.bucket_id):
        return "You have reached your spend cap in this organisation."
    return "This API key has reached its spend cap."
