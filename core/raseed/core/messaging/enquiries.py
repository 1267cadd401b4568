"""Messages of anybody to the operators: the contact form. Open to strangers, so few are taken from one place and in a day."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from typing import Protocol

from raseed.core.accounts.code_limits import NOTHING, Window, admit, admit_to_budget
from raseed.core.accounts.networks import network_of, subscriber_of
from raseed.core.accounts.sign_in_ports import Tallies
from raseed.core.clock import DAY, HOUR, Clock
from raseed.core.errors import NotFound, RateLimited, RequestInvalid
from raseed.core.messaging.notices import Notice, NoticeKind

REPLY_TO_CHARS_MAX = 254
"""The longest e-mail address."""
TEXT_CHARS_MAX = 900
"""What one message by WhatsApp has room for."""
FROM_ONE = (Window(3, HOUR), Window(10, DAY))
"""From one IP address: a person who forgot something writes again."""
FROM_NETWORK = (Window(10, HOUR), Window(40, DAY))
"""From one IPv4 /24 or IPv6 /48: a fifth of what all may send, so that no single network takes it away from them."""
OF_ALL_PER_DAY = 200
"""From everybody (UTC): what operators can read, and what a flood may cost in messages."""
WAIT_S = 3600.0


class EnquiryStore(Protocol):
    async def put(
        self, notice: Notice, subjects: Collection[str], decide: Callable[[Tallies], Tallies | None]
    ) -> bool:
        """The notice, and what `decide` makes of the tallies, in one transaction. False: it decided for None.

        A notice that is there already is True and counts nothing.
        """
        ...


class Enquiries:
    """`subject` hashes what is counted for, so that no table has addresses of strangers."""

    def __init__(
        self, store: EnquiryStore, subject: Callable[[str], str], clock: Clock, *, has_readers: bool
    ) -> None:
        self._store = store
        self._subject = subject
        self._clock = clock
        self._has_readers = has_readers

    async def send(self, *, reply_to: str, text: str, address: str) -> None:
        """To the operators' own channel, through the outbox. Nothing is sent to `reply_to`: it may be anybody's.

        The same message twice within a day is told once. Raises NotFound if the operators have no address,
        RequestInvalid, RateLimited.
        """
        if not self._has_readers:
            raise NotFound("There is no contact form here.")
        reply_to, text = " ".join(reply_to.split()), text.strip()
        if not 3 <= len(reply_to) <= REPLY_TO_CHARS_MAX:
            raise RequestInvalid(
                f"Say where an answer is to go, in 3 to {REPLY_TO_CHARS_MAX} characters.", param="reply_to"
            )
        if not 1 <= len(text) <= TEXT_CHARS_MAX:
            raise RequestInvalid(f"A message has 1 to {TEXT_CHARS_MAX} characters.", param="text")
        now = self._clock.now()
        one, everybody = self._subject(subscriber_of(address)), self._subject("")
        network = self._subject(f"net {network_of(address)}")
        said = "\0".join((str(now // DAY), one, reply_to, text))
        notice = Notice(
            kind=NoticeKind.ENQUIRY,
            account_id=None,
            cause=hashlib.sha256(said.encode()).hexdigest(),
            parameters={"reply_to": reply_to, "text": text},
        )

        def decide(tallies: Tallies) -> Tallies | None:
            from_one = admit(tallies.get(one, NOTHING), FROM_ONE, now)
            nearby = admit(tallies.get(network, NOTHING), FROM_NETWORK, now)
            of_all = admit_to_budget(tallies.get(everybody, NOTHING), OF_ALL_PER_DAY, now)
            if from_one is None or nearby is None or of_all is None:
                return None
            return {one: from_one, network: nearby, everybody: of_all}

        if not await self._store.put(notice, (one, network, everybody), decide):
            raise RateLimited("Too many messages were sent. Try again later.", retry_after_s=WAIT_S)
