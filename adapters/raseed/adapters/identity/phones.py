"""Numbering plans, as Google's libphonenumber has them."""

from __future__ import annotations

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from raseed.core.accounts.identity import PhoneNumber

_REACHABLE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
"""Premium, shared-cost and fixed lines are what those dial who are paid for calls to them."""


class NumberingPlans:
    """Implements `core.accounts.identity.PhoneNumbers`. The package carries its data; a country's are read when first used."""

    def read(self, digits: str, region: str) -> PhoneNumber | None:
        try:
            number = phonenumbers.parse(digits, region)
        except NumberParseException:
            return None
        if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in _REACHABLE:
            return None
        if number.extension:
            return None
        country = phonenumbers.region_code_for_number(number)
        if country is None:
            return None
        return PhoneNumber(phonenumbers.format_number(number, PhoneNumberFormat.E164), country)
