"""What an account is reached by, as operators change it: for people who lost their number or address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from raseed.core.accounts.contact_notice import contact_changed
from raseed.core.accounts.identity import Identifier
from raseed.core.accounts.model import Account, AccountKind, AccountStatus
from raseed.core.accounts.service import AccountService
from raseed.core.accounts.sign_in_model import Changed, Identity
from raseed.core.admin.account_service import check_reason
from raseed.core.errors import Conflict, NotFound
from raseed.core.ids import AccountId
from raseed.core.messaging.ports import Language, Message


class ContactStore(Protocol):
    async def set_identifier(
        self, identifier: Identifier, identity: Identity, account_id: AccountId, reason: str, actor: str
    ) -> Changed | None:
        """In place of the one of its kind, and every session of the account ends. None if there is no such account.

        Raises Conflict if the identifier belongs to another account.
        """
        ...


class ContactAdmin:
    """`read` understands what was typed; `identity` is what is kept of it for good."""

    def __init__(
        self,
        store: ContactStore,
        accounts: AccountService,
        read: Callable[[str, str], Identifier],
        identity: Callable[[Identifier], Identity],
        forget: Callable[[AccountId], None],
        post: Callable[[Message], bool],
        language: Language,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._read = read
        self._identity = identity
        self._forget = forget
        self._post = post
        self._language = language

    async def set_contact(
        self, reference: str, *, phone: str, email: str, reason: str, actor: str
    ) -> Account:
        """Whoever has the new number or address can sign in to the account; nobody else can any more. Where it was reached
        before is told.

        Raises NotFound, RequestInvalid, and Conflict for an account that is closed, or an identifier of another one.
        """
        check_reason(reason)
        account = await self._accounts.find(reference)
        if account.status is AccountStatus.CLOSED:
            raise Conflict("This account is closed.")
        if account.kind is AccountKind.ORGANISATION:
            raise Conflict("An organisation is reached by its members.")
        identifier = self._read(phone, email)
        changed = await self._store.set_identifier(
            identifier, self._identity(identifier), account.id, reason, actor
        )
        if changed is None:
            raise NotFound(f"There is no account {reference!r}.", metadata={"account": reference})
        self._forget(account.id)
        for message in contact_changed(changed, self._language):
            self._post(message)
        return changed.account
