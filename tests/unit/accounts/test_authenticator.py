"""Authentication: who a credential belongs to, how long that is believed, and what makes it forgotten."""

from dataclasses import replace

import pytest
from tests.support.accounts import MemoryAccountStore

from raseed.core.accounts.keys import Peppers
from raseed.core.accounts.model import AccountStatus, Tier
from raseed.core.accounts.service import CACHE_S, AccountService, Authenticator
from raseed.core.changes import TRUST_S
from raseed.core.clock import SECOND, Microseconds
from raseed.core.errors import AccountSuspended, NotFound, RequestInvalid, Unauthenticated

PEPPERS = Peppers({1: b"p" * 32})


class TurnedClock:
    def __init__(self) -> None:
        self.time = 1_000_000_000

    def now(self) -> Microseconds:
        return Microseconds(self.time)


class Setup:
    def __init__(self) -> None:
        self.store = MemoryAccountStore()
        self.clock = TurnedClock()
        self.authenticator = Authenticator(self.store, PEPPERS, self.clock)
        self.accounts = AccountService(self.store, self.authenticator, PEPPERS, self.clock)

    async def key(self) -> str:
        account = await self.accounts.open_account(email="a@b.c", phone="", tier=Tier.PRO, actor="test")
        _, text = await self.accounts.make_key(account.id, name="k", actor="test")
        return text


async def test_a_key_names_its_account_and_is_remembered_without_the_store() -> None:
    setup = Setup()
    text = await setup.key()
    first = await setup.authenticator.authenticate(text)
    asked = setup.store.key_reads
    assert await setup.authenticator.authenticate(text) == first
    assert setup.store.key_reads == asked
    assert first.tier is Tier.PRO


async def test_memory_ends() -> None:
    setup = Setup()
    text = await setup.key()
    await setup.authenticator.authenticate(text)
    asked = setup.store.key_reads
    setup.clock.time += CACHE_S * SECOND
    await setup.authenticator.authenticate(text)
    assert setup.store.key_reads == asked + 1


async def test_a_revoked_key_is_refused_at_once_although_it_was_remembered() -> None:
    setup = Setup()
    text = await setup.key()
    caller = await setup.authenticator.authenticate(text)
    assert caller.api_key_id is not None
    await setup.accounts.revoke_key(caller.api_key_id, actor="test")
    with pytest.raises(Unauthenticated):
        await setup.authenticator.authenticate(text)


async def test_a_worker_that_hears_nothing_distrusts_what_it_remembers() -> None:
    setup = Setup()
    text = await setup.key()
    setup.authenticator.confirm()
    await setup.authenticator.authenticate(text)
    asked = setup.store.key_reads
    setup.clock.time += int(TRUST_S * SECOND) - 1
    await setup.authenticator.authenticate(text)
    assert setup.store.key_reads == asked
    setup.clock.time += 1
    await setup.authenticator.authenticate(text)
    assert setup.store.key_reads == asked + 1


async def test_garbage_never_reaches_the_store() -> None:
    setup = Setup()
    for text in ("", "sk-1", "rsd_live_aaaaaaaaaaaa_" + "b" * 49):
        with pytest.raises(Unauthenticated):
            await setup.authenticator.authenticate(text)
    assert setup.store.key_reads == 0


async def test_a_key_with_the_same_public_id_and_another_secret_is_refused() -> None:
    setup = Setup()
    text = await setup.key()
    await setup.authenticator.authenticate(text)
    key = next(iter(setup.store.keys.values()))
    setup.store.keys[key.id] = replace(key, digest=bytes(32))
    setup.clock.time += CACHE_S * SECOND
    with pytest.raises(Unauthenticated):
        await setup.authenticator.authenticate(text)


async def test_a_suspended_account_is_refused() -> None:
    setup = Setup()
    text = await setup.key()
    setup.store.set_status(AccountStatus.SUSPENDED)
    with pytest.raises(AccountSuspended):
        await setup.authenticator.authenticate(text)


@pytest.mark.parametrize(
    ("email", "phone"),
    [
        ("", ""),
        ("a@b.c", "+96550123456"),
        ("a", ""),
        (" a@b.c", ""),
        ("@b.c", ""),
        ("", "50123456"),
        ("", "+١٢٣"),
    ],
)
async def test_an_account_needs_one_valid_address(email: str, phone: str) -> None:
    with pytest.raises(RequestInvalid):
        await Setup().accounts.open_account(email=email, phone=phone, tier=Tier.FREE, actor="test")


async def test_what_does_not_exist_is_not_found() -> None:
    setup = Setup()
    with pytest.raises(NotFound):
        await setup.accounts.find("nobody@example.com")
    with pytest.raises(NotFound):
        await setup.accounts.revoke_key("key_none", actor="test")  # type: ignore[arg-type]
