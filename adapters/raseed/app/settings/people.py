"""Who may come in, and who may work together."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from raseed.app.settings.section import Count, Seconds, Section


class SignIn(Section, frozen=True):
    """One-time codes and sessions. The limits are for people; a number that is refused is told no more than to wait."""

    code_life_s: Annotated[float, Meta(ge=30, le=600)] = 300.0
    """How long a code is valid: long enough to change to another program and back. At most ten minutes (NIST 800-63B)."""
    code_attempts: Annotated[int, Meta(ge=1, le=10)] = 5
    """Guesses at one code."""
    resend_after_s: Seconds = 60.0
    """Least time between two codes to one number or address."""
    sends_to_one_per_hour: Count = 5
    """Codes to one number or address."""
    sends_to_one_per_day: Count = 10
    """Also to one number or address, in any 24 hours."""
    sends_from_address_per_10_minutes: Count = 5
    """Codes that one IP address asks for: a family or a small office behind one router."""
    sends_from_address_per_day: Count = 20
    """Also from one IP address, in any 24 hours."""
    sends_from_network_per_hour: Count = 60
    """Codes for one IPv4 /24 or IPv6 /48. Devices on which the number or address was proven before have as many again."""
    sends_from_network_per_day: Count = 200
    """Also for one network, in any 24 hours: a tenth of `sends_per_day`."""
    sends_to_neighbours_per_10_minutes: Count = 20
    """Codes to numbers with the same first seven digits: who is paid for messages owns a run of them."""
    sends_per_day: Count = 2_000
    """Codes of everybody by one channel in a day (UTC), a hard stop with an alarm: the second step of WhatsApp's tiers. The last fifth is for devices on which the number or address was proven before."""
    failures_of_one_per_day: Annotated[int, Meta(ge=5, le=100)] = 10
    """Wrong guesses for one number or address, over all its codes, before none is accepted for an hour."""
    failures_from_network_per_hour: Count = 30
    """Wrong guesses from one IPv4 /24 or IPv6 /48. A single address has three left when its network has none; known devices are not counted."""
    session_life_s: Annotated[float, Meta(ge=60, le=2_592_000)] = 86_400.0
    """Longest life of a session, however much it is used."""
    session_idle_s: Annotated[float, Meta(ge=60, le=2_592_000)] = 3_600.0
    """Longest time without any request."""
    origins: tuple[str, ...] = ()
    """Where pages of ours are served from, `https://example.com`: those may change something with a session's cookie. The address that this server listens on always may."""


class Organisations(Section, frozen=True):
    """Organisations and invitations to them. Who may open one is said by the profile."""

    invitation_life_s: Annotated[float, Meta(ge=3_600, le=2_592_000)] = 604_800.0
    """How long an invitation may be accepted. A week: for those who read their messages once in it."""
    invitations_per_day: Annotated[int, Meta(ge=1, le=10_000)] = 50
    """Of one organisation. Each is a message that you pay for, to somebody who may not want it."""
    invitations_to_one_per_day: Annotated[int, Meta(ge=1, le=1_000)] = 5
    """To one person, however the address is spelled, from all organisations together. Nobody is invited by a channel that has sent half of `[sign_in] sends_per_day`."""
    members_max: Annotated[int, Meta(ge=1, le=100_000)] = 500
    """Of one organisation, those that are invited included."""
    owned_max: Annotated[int, Meta(ge=1, le=1_000)] = 5
    """Organisations that one person may own when he opens another. Operators may open more for him."""
