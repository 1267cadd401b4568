"""Money is integers. The only rounding of the product is here.

| unit         | is                    | names end in      |
|--------------|-----------------------|-------------------|
| micro-credit | 10⁻⁶ of a credit      | `_microcredits`   |
| nano-dollar  | 10⁻⁹ of a US dollar   | `_nanousd`        |
| fils         | 10⁻³ of a Kuwaiti dinar | `_fils`         |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from math import lcm

MICROCREDITS_PER_CREDIT = 1_000_000
MILLI = 1_000
"""Multipliers, weights and ratios have three decimals and are kept in thousandths."""
CURRENCY_DIGITS = {"KWD": 3, "USD": 2}
"""Decimals of a currency's minor unit: prices of what is sold are whole fils or cents."""
AMOUNT_MAX = 10**15
"""Largest single amount in micro-credits (a thousand million credits): far above any real balance, far below 2⁶³,
so that sums of amounts cannot overflow a signed 64-bit column."""


class Rounding(StrEnum):
    """What the cost of a request is rounded to: once, over all of its lines."""

    EXACT = "exact"
    """Up to a whole micro-credit, the smallest amount that can be booked."""
    CEIL_CREDIT = "ceil_credit"
    """Up to a whole credit."""
    HALF_EVEN = "half_even"
    """To the nearest whole credit, a half to the even one; at least one credit, so that nothing used is free."""


def whole_units(number: Decimal, decimals: int) -> int:
    """`number` × 10^decimals, exactly. Raises ValueError if that is no whole number, or out of range.

    >>> whole_units(Decimal("2.5"), 3)
    2500
    """
    # Exact arithmetic on an exponent of millions would never end.
    if not number.is_finite() or not -40 < number.adjusted() < 16:
        raise ValueError(f"out of range: {number}")
    scale: int = 10**decimals
    scaled = Fraction(number) * scale
    if scaled.denominator != 1:
        raise ValueError(f"has at most {decimals} decimals: {number}")
    return scaled.numerator


def microcredits_of(credits: str | int | Decimal) -> int:
    """Exact micro-credits of a decimal number of credits. Raises ValueError on more than six decimals or nonsense.

    >>> microcredits_of("732.5"), microcredits_of(1000)
    (732500000, 1000000000)
    """
    try:
        number = Decimal(credits)
    except InvalidOperation as error:
        raise ValueError(f"not an amount of credits: {credits!r}") from error
    amount = whole_units(number, 6)
    if abs(amount) > AMOUNT_MAX:
        raise ValueError(f"out of range: {credits}")
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


def price_text(amount_minor: int, currency: str) -> str:
    """An amount of money with all decimals of its currency.

    >>> price_text(2_000, "KWD"), price_text(1_800, "USD")
    ('2.000', '18.00')
    """
    return format(Decimal(amount_minor).scaleb(-CURRENCY_DIGITS[currency]), "f")


def share(amount: int, part: int, whole: int) -> int:
    """`amount` × `part` ÷ `whole`, rounded down: all of it for the whole, and never less for a larger part.

    >>> share(1_000, 605, 1_210), share(1_000, 1_210, 1_210), share(1_000, 1, 1_210)
    (500, 1000, 0)
    """
    if not 0 <= part <= whole or whole == 0:
        raise ValueError(f"no part: {part} of {whole}")
    return amount * part // whole


def settle_total(lines: Iterable[tuple[int, int, int]], rounding: Rounding = Rounding.EXACT) -> int:
    """Cost of all lines `(quantity, unit_price, per)` together: the sum of quantity × unit price ÷ per, rounded once.

    Grows with every quantity, and is 0 only when nothing that has a price was used.
    """
    return _rounded(*_sum(lines), rounding)


def settle_cost(
    lines: Sequence[tuple[int, int, int]], rounding: Rounding = Rounding.EXACT
) -> tuple[int, ...]:
    """Cost of each line: `settle_total` shared out by what each costs unrounded. The sum is the total to the unit.

    >>> settle_cost([(30, 2_500_000, 1_000_000), (150, 10_000_000, 1_000_000)])
    (75, 1500)
    """
    exact_sum, scale = _sum(lines)
    total = _rounded(exact_sum, scale, rounding)
    if len(lines) == 1:
        return (total,)
    costs = []
    reached = given = 0
    for quantity, unit_price, per in lines:
        reached += quantity * unit_price * (scale // per)
        upto = total * reached // exact_sum if exact_sum else 0
        costs.append(upto - given)
        given = upto
    return tuple(costs)


def _sum(lines: Iterable[tuple[int, int, int]]) -> tuple[int, int]:
    """The exact sum as a fraction."""
    numerator, scale = 0, 1
    for quantity, unit_price, per in lines:
        if per != scale:
            common = lcm(scale, per)
            numerator *= common // scale
            scale = common
        numerator += quantity * unit_price * (scale // per)
    return numerator, scale


def _rounded(numerator: int, denominator: int, rounding: Rounding) -> int:
    if rounding is Rounding.EXACT:
        return -(-numerator // denominator)
    credit = denominator * MICROCREDITS_PER_CREDIT
    if rounding is Rounding.CEIL_CREDIT:
        return -(-numerator // credit) * MICROCREDITS_PER_CREDIT
    whole, rest = divmod(numerator, credit)
    whole += rest * 2 > credit or (rest * 2 == credit and whole % 2)
    return max(whole, 1 if numerator else 0) * MICROCREDITS_PER_CREDIT
