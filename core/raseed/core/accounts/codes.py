"""One-time codes: how they look, what is stored of them, and when one is sent or believed.

A code is bound to what it is for, to the number or address that it was sent to, and to the `challenge`: a secret that
only whoever asked for the code was given (a browser as a cookie). Someone else's code is worth nothing without it. The
database has keyed hashes; the code itself exists in the message alone.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from raseed.core.accounts.code_limits import (
    NOTHING,
    CodeLimits,
    Tally,
    admit,
    admit_from_network,
    admit_guess,
    admit_to_budget,
    admit_to_neighbourhood,
    admitted_from,
    budget_of,
    complete,
    forgive,
    is_budget_low,
)
from raseed.core.accounts.identity import Identifier, IdentifierKind, western_digits
from raseed.core.accounts.keys import Peppers
from raseed.core.accounts.networks import network_of, subscriber_of
from raseed.core.accounts.sign_in_model import Identity, Proven, Purpose, StoredCode
from raseed.core.accounts.sign_in_ports import CodeStore
from raseed.core.clock import Clock, Microseconds
from raseed.core.errors import CodeRejected, TooManyCodes
from raseed.core.ids import AccountId

CODE_DIGITS: Mapping[IdentifierKind, int] = {IdentifierKind.PHONE: 6, IdentifierKind.EMAIL: 8}
"""A mailbox is read by more people and for longer than a telephone."""
CODE_CHARS_MAX = 32
"""Of what is typed, with spaces."""
REFUSED_MAX = 10_000
"""Subjects remembered as asking too often; the oldest go first. About 2 MB."""
CHALLENGE_PREFIX = "rsd_chal_"
DEVICE_PREFIX = "rsd_dev_"
WAIT_S = 60.0
"""What everybody is told who has to wait for a code, whichever limit it was: it must not tell what others asked for."""

REJECTED = "The code is wrong or no longer valid. Ask for a new one."
_CHALLENGE = re.compile(r"rsd_chal_[0-9a-f]{64}")
_DEVICE = re.compile(r"rsd_dev_([0-9a-f]{32})([0-9a-f]{64})")
_BETWEEN = re.compile(r"[\s\-\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    challenge: str = field(repr=False)
    code: str = field(repr=False)
    """For the message and for nothing else."""
    is_budget_low: bool


CodeOutcome = Literal["sent", "refused", "right", "wrong"]
"""What operators count: many wrong ones are somebody who guesses, many refused ones a flood."""


class CodeDesk:
    """Makes codes and checks them. One for each worker; what is counted is in the store, for all of them."""

    def __init__(
        self,
        store: CodeStore,
        peppers: Peppers,
        clock: Clock,
        limits: CodeLimits,
        count: Callable[[CodeOutcome], None] = lambda _outcome: None,
    ) -> None:
        self._store = store
        self._peppers = peppers
        self._clock = clock
        self.limits = limits
        self._count = count
        self._refused: dict[str, int] = {}
        """Who asks too often, and until when: a flood of refusals costs one look-up in a dictionary each."""

    async def issue(
        self,
        identifier: Identifier,
        purpose: Purpose,
        *,
        address: str,
        device: str = "",
        account_id: AccountId | None = None,
    ) -> Issued:
        """A code to send, if no limit is in the way. Raises TooManyCodes, the same for every limit.

        `address` is the caller's IP address; `device` what `device_token` made. A device that is known for this number
        or address has an allowance of its own, so that nobody can use up another's.
        """
        try:
            issued = await self._issue(identifier, purpose, address, device, account_id)
        except TooManyCodes:
            self._count("refused")
            raise
        self._count("sent")
        return issued

    async def _issue(
        self,
        identifier: Identifier,
        purpose: Purpose,
        address: str,
        device: str,
        account_id: AccountId | None,
    ) -> Issued:
        now = self._clock.now()
        limits = self.limits
        known = self._known_device(device, identifier)
        # Known devices are counted apart wherever strangers could use up what there is.
        one = self._one("sends", identifier, known)
        ip = self._subject("known-ip" if known else "ip", subscriber_of(address))
        network = self._subject("known-from" if known else "from", network_of(address))
        everybody = budget_of(identifier.kind)
        per_day = limits.sends_of_all_per_day if known else limits.strangers_per_day
        asking = {
            one: limits.sends_to_one,
            ip: limits.sends_from_address,
            network: limits.sends_from_network,
        }
        block = identifier.neighbourhood
        neighbours = self._subject("near", block) if block is not None and not known else None
        subjects = (*asking, everybody) if neighbours is None else (*asking, everybody, neighbours)

        if any(now < self._refused.get(subject, 0) for subject in asking):
            raise _too_many()
        refused: dict[str, int] = {}

        def decide(tallies: Mapping[str, Tally]) -> Mapping[str, Tally] | None:
            admitted = {
                subject: admit(tallies.get(subject, NOTHING), windows, now)
                for subject, windows in asking.items()
            }
            admitted[everybody] = admit_to_budget(tallies.get(everybody, NOTHING), per_day, now)
            if neighbours is not None:
                near = admit_to_neighbourhood(tallies.get(neighbours, NOTHING), limits, now)
                admitted[neighbours] = near
            for subject, windows in asking.items():
                if admitted[subject] is None:
                    refused[subject] = admitted_from(tallies.get(subject, NOTHING), windows, now)
            changed = {subject: tally for subject, tally in admitted.items() if tally is not None}
            return changed if len(changed) == len(admitted) else None

        challenge = CHALLENGE_PREFIX + secrets.token_hex(32)
        code = new_code(identifier.kind)
        version = self._peppers.current
        stored = StoredCode(
            id=challenge_id(challenge),
            purpose=purpose,
            identifier=identifier,
            account_id=account_id,
            device=known,
            digest=self._peppers.digest(_bound(purpose, identifier, challenge, code), version),
            pepper_version=version,
            expires_at=Microseconds(now + limits.life_us),
        )
        counted = await self._store.issue(stored, subjects, decide)
        if counted is None:
            self._refused.update(refused)
            while len(self._refused) > REFUSED_MAX:
                del self._refused[next(iter(self._refused))]
            raise _too_many()
        return Issued(challenge=challenge, code=code, is_budget_low=is_budget_low(counted[everybody], limits))

    async def check(self, challenge: str, text: str, purpose: Purpose, *, address: str) -> Proven:
        """That this is the code which was sent. Raises CodeRejected, without saying what was wrong.

        The attempt is counted, durably, before anything is compared: guesses that come at once cannot race past the
        limit. At most `attempts_max` comparisons are made for a code, whatever is asked and of whichever worker.
        """
        try:
            proven = await self._check(challenge, text, purpose, address)
        except CodeRejected:
            self._count("wrong")
            raise
        self._count("right")
        return proven

    async def _check(self, challenge: str, text: str, purpose: Purpose, address: str) -> Proven:
        if not _CHALLENGE.fullmatch(challenge) or len(text) > CODE_CHARS_MAX:
            raise CodeRejected(REJECTED)
        now = self._clock.now()
        limits = self.limits
        network = self._subject("net", network_of(address))
        own = self._subject("guesses-from", subscriber_of(address))

        def subjects_of(code: StoredCode) -> tuple[str, ...]:
            """A known device has guesses of its own, whatever its neighbours do."""
            one = self._one("guesses", code.identifier, code.device)
            return (one,) if code.device else (one, network, own)

        def decide(code: StoredCode, tallies: Mapping[str, Tally]) -> Mapping[str, Tally] | None:
            one = subjects_of(code)[0]
            guess = admit_guess(tallies.get(one, NOTHING), limits, now)
            if guess is None or code.device:
                return None if guess is None else {one: guess}
            place = admit_from_network(tallies.get(network, NOTHING), tallies.get(own, NOTHING), limits, now)
            return None if place is None else {one: guess, network: place[0], own: place[1]}

        code = await self._store.attempt(
            challenge_id(challenge), purpose, limits.attempts_max, now, subjects_of, decide
        )
        if code is None:
            raise CodeRejected(REJECTED)
        given = _bound(purpose, code.identifier, challenge, _read(text))
        if not self._peppers.matches(given, code.pepper_version, code.digest):
            raise CodeRejected(REJECTED)
        counted = subjects_of(code)
        block = code.identifier.neighbourhood
        near = self._subject("near", block) if block is not None and not code.device else None

        def forgiven(tallies: Mapping[str, Tally], is_used: bool) -> Mapping[str, Tally]:
            after = {subject: forgive(tallies.get(subject, NOTHING), limits, now) for subject in counted}
            if near is not None and is_used:
                after[near] = complete(tallies.get(near, NOTHING))
            return after

        subjects = counted if near is None else (*counted, near)
        return Proven(code=code, subjects=subjects, forgiven=forgiven)

    def device_token(self, identifier: Identifier) -> str:
        """For a device on which this number or address was proven: it stays known for it, and only for it."""
        device = secrets.token_hex(16)
        return DEVICE_PREFIX + device + self._device_tag(device, identifier, self._peppers.current)

    def identity(self, identifier: Identifier) -> Identity:
        """What is kept of a person's number or address for good, to know it again."""
        text = f"identity\0{identifier.kind}\0{identifier.person}"
        return Identity(
            {version: self._peppers.digest(text, version) for version in self._peppers.by_version}
        )

    def _known_device(self, token: str, identifier: Identifier) -> str:
        found = _DEVICE.fullmatch(token)
        if found is None:
            return ""
        device, tag = found[1], found[2]
        for version in self._peppers.by_version:
            if hmac.compare_digest(self._device_tag(device, identifier, version), tag):
                return device
        return ""

    def _device_tag(self, device: str, identifier: Identifier, version: int) -> str:
        return self._peppers.digest(f"device\0{device}\0{identifier.kind}\0{identifier.value}", version).hex()

    def _one(self, what: str, identifier: Identifier, device: str) -> str:
        return self._subject(what, f"{identifier.kind}\0{identifier.person}\0{device}")

    def _subject(self, what: str, of: str) -> str:
        """The name under which something is counted: numbers and addresses of people who never signed up stay unknown.

        Under the oldest pepper, so that a new one does not begin all counts anew.
        """
        return subject_of(self._peppers, what, of)


def subject_of(peppers: Peppers, what: str, of: str) -> str:
    """The name of a tally: of whom it is cannot be read from it."""
    digest = peppers.digest(f"subject\0{what}\0{of}", min(peppers.by_version))
    return f"{what}:{digest.hex()[:32]}"


def _too_many() -> TooManyCodes:
    return TooManyCodes("Too many codes were asked for. Wait a minute and try again.", retry_after_s=WAIT_S)


def new_code(kind: IdentifierKind) -> str:
    digits = CODE_DIGITS[kind]
    return f"{secrets.randbelow(10**digits):0{digits}d}"


def challenge_id(challenge: str) -> bytes:
    """What is stored of a challenge, which has 256 random bits."""
    return hashlib.sha256(challenge.encode()).digest()


def _read(text: str) -> str:
    return _BETWEEN.sub("", western_digits(text))


def _bound(purpose: Purpose, identifier: Identifier, challenge: str, code: str) -> str:
    return f"code\0{purpose}\0{identifier.kind}\0{identifier.value}\0{challenge}\0{code}"
