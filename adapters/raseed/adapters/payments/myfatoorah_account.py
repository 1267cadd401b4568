"""An account at MyFatoorah: where its API is, what it may be paid in, and with what its events are signed.

Hosts and currencies by docs.myfatoorah.com/docs/{live-token, test-token}: one token for each country, and one server for
tests, which charges in dinars wherever the account is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from raseed.core.payments.model import Mode

KUWAIT = ZoneInfo("Asia/Kuwait")
"""MyFatoorah's clocks, those of every country, are set to it; its dates have no zone."""
SECRET_BYTES_MIN = 16
"""A shorter secret could be guessed from one event; the portal makes longer ones."""
TEST_URL = "https://apitest.myfatoorah.com"
TEST_CURRENCY = "KWD"
LIVE: Mapping[str, tuple[str, str]] = {
    "KWT": ("https://api.myfatoorah.com", "KWD"),
    "BHR": ("https://api.myfatoorah.com", "BHD"),
    "JOR": ("https://api.myfatoorah.com", "JOD"),
    "OMN": ("https://api.myfatoorah.com", "OMR"),
    "ARE": ("https://api-ae.myfatoorah.com", "AED"),
    "SAU": ("https://api-sa.myfatoorah.com", "SAR"),
    "QAT": ("https://api-qa.myfatoorah.com", "QAR"),
    "EGY": ("https://api-eg.myfatoorah.com", "EGP"),
}
"""By country: the API, and the account's own currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MyFatoorahAccount:
    mode: Mode
    country: str
    token: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    """All that are valid now: while one is replaced by another, both."""
    version: int = 2
    """Of the API that makes orders: 2 or 3."""
    page_life_s: float = 3600.0
    url: str = ""
    """Instead of the test API's."""

    @property
    def base_url(self) -> str:
        return LIVE[self.country][0] if self.mode is Mode.LIVE else self.url or TEST_URL

    @property
    def currency(self) -> str:
        """In which refunds are counted."""
        return TEST_CURRENCY if self.mode is Mode.TEST else LIVE[self.country][1]


def is_live_url(url: str) -> bool:
    """Whether money moves there."""
    return url.rstrip("/").lower() in {api for api, _currency in LIVE.values()}
