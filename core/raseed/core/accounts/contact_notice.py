"""What everybody is told who reached an account, when it gets another number or address.

Sent at once to where the account was reached before: the outbox knows only where it is reached now, and whoever took an
account over would be the one to read it.
"""

from __future__ import annotations

from raseed.core.accounts.identity import Identifier, IdentifierKind
from raseed.core.accounts.model import Account
from raseed.core.accounts.sign_in_model import Changed
from raseed.core.messaging.ports import CONTACT_CHANGED_TEMPLATE, Channel, Language, Message

CHANNELS = {IdentifierKind.PHONE: Channel.WHATSAPP, IdentifierKind.EMAIL: Channel.EMAIL}


def identifiers_of(account: Account) -> tuple[Identifier, ...]:
    """What an account is reached by."""
    found = ((IdentifierKind.PHONE, account.phone_e164), (IdentifierKind.EMAIL, account.email))
    return tuple(Identifier(kind, value) for kind, value in found if value)


def contact_changed(changed: Changed, language: Language) -> list[Message]:
    """One message for each, in the account's language; `language` is for accounts that have none."""
    return [
        Message(
            channel=CHANNELS[identifier.kind],
            to=identifier.value,
            language=changed.account.language or language,
            template=CONTACT_CHANGED_TEMPLATE,
            parameters={},
        )
        for identifier in changed.before
    ]
