"""Money is integers. The only rounding of the product is here.

| unit         | is                    | names end in      |
|--------------|-----------------------|-------------------|
| micro-credit | 10⁻⁶ of a credit      | `_microcredits`   |
| nano-dollar  | 10⁻⁹ of a US dollar   | `_nanousd`        |
| fils         | 10⁻³ of a Kuwaiti dinar | `_fils`         |
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

MICROCREDITS_PER_CREDIT = 1_000_000
AMOUNT_MAX = 10**15
"""Largest single amount in micro-credits (a thousand million credits): far above any real balance, far below 2⁶³,
so that sums of amounts cannot overflow a signed 64-bit column."""


def microcredits_of(credits: str | int | Decimal) -> int:
    """Exact micro-credits of a decimal number of credits. Raises ValueError on more than six decimals or nonsense.

    >>> microcredits_of("732.5"), microcredits_of(1000)
    (732500000, 1000000000)
    """
    try:
        scaled = Decimal(credits) * MICROCREDITS_PER_CREDIT
        amount = int(scaled)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise ValueError(f"not an amount of credits: {credits!r}") from error
    if amount != scaled:
        raise ValueError(f"credits have at most six decimals: {credits!r}")
    if abs(amount) > AMOUNT_MAX:
        raise ValueError(f"amount out of range: {credits!r}")
    return amount


def credits_number(microcredits: int) -> int | float:
    """The JSON number of an amount: an integer when it is whole, else the shortest decimal that is exactly it.

    >>> credits_number(4250_000_000), credits_number(732_500_000)
    (4250, 732.5)
    """
    whole, rest = divmod(microcredits, MICROCREDITS_PER_CREDIT)
    return whole if rest == 0 else microcredits / MICROCREDITS_PER_CREDIT


def credits_text(microcredits: int) -> str:
    """An amount as exact decimal text.

    >>> credits_text(732_500_000), credits_text(-1)
    ('732.5', '-0.000001')
    """
    return format(Decimal(microcredits).scaleb(-6).normalize(), "f") if microcredits else "0"


def settle_cost(lines: Iterable[tuple[int, int, int]]) -> tuple[int, ...]:
    """Cost of each line `(quantity, unit_price, per)`: quantity × unit price ÷ per, rounded up to a whole unit.

    Up, because a fraction of a micro-credit cannot be booked and a line that was used must not be free.
    """
    return tuple(-(-quantity * unit_price // per) for quantity, unit_price, per in lines)
