"""Authentication: who a credential belongs to, how long that is believed, and what makes it forgotten."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from tests.support.accounts import MemoryAccountStore

from raseed.core.accounts.authenticator import CACHE_S, REFUSED_MAX, REFUSED_S, Authenticator
from raseed.core.accounts.key_bounds import parse_network
from raseed.core.accounts.key_rules import KeySpec
from raseed.core.accounts.key_service import By, KeyService
from raseed.core.accounts.key_uses import KeyUses
from raseed.core.accounts.keys import Peppers, new_key
from raseed.core.accounts.model import Account, AccountStatus, ApiKey, Tier
from raseed.core.accounts.service import AccountService
from raseed.core.changes import TRUST_S
from raseed.core.clock import DAY, SECOND, Microseconds
from raseed.core.errors import AccountSuspended, AddressNotAllowed, NotFound, RequestInvalid, Unauthenticated
from raseed.core.ids import ApiKeyId

TEST = By(actor="test")
PEPPERS = Peppers({1: b"p" * 32})


class TurnedClock:
    def __init__(self) -> None:
        self.time = 1_000_000_000

    def now(self) -> Microseconds:
        return Microseconds(self.time)


class Setup:
    def __init__(self) -> None:
        self.clock = TurnedClock()
        self.store = MemoryAccountStore(self.clock)
        self.authenticator = Authenticator(self.store, PEPPERS, self.clock)
        self.accounts = AccountService(self.store, self.authenticator, self.clock)
        self.keys = KeyService(self.store, self.store, self.authenticator, PEPPERS, self.clock)

    async def key(self, spec: KeySpec | None = None) -> str:
        account = await self.accounts.open_account(email="a@b.c", phone="", tier=Tier.PRO, actor="test")
        return (await self.keys.create(TEST, account.id, spec or KeySpec(name="k"))).text


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
    await setup.keys.revoke(TEST, caller.api_key_id, account_id=None)
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


async def test_a_refused_credential_costs_no_look_up_for_a_moment() -> None:
    setup = Setup()
    text = await setup.key()
    [key_id] = setup.store.keys
    await setup.keys.revoke(TEST, key_id, account_id=None)
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await setup.authenticator.authenticate(text)
    assert setup.store.key_reads == 1
    setup.clock.time += REFUSED_S * SECOND
    with pytest.raises(Unauthenticated):
        await setup.authenticator.authenticate(text)
    assert setup.store.key_reads == 2


async def test_a_change_ends_what_was_refused() -> None:
    setup = Setup()
    text = await setup.key()
    setup.store.set_status(AccountStatus.SUSPENDED)
    with pytest.raises(AccountSuspended):
        await setup.authenticator.authenticate(text)
    setup.store.set_status(AccountStatus.ACTIVE)
    [account_id] = setup.store.accounts
    setup.authenticator.forget_account(account_id)
    await setup.authenticator.authenticate(text)


async def test_what_is_refused_is_bounded() -> None:
    setup = Setup()
    refused = setup.authenticator._refused
    for number in range(REFUSED_MAX):
        refused[number.to_bytes(4)] = (Unauthenticated, "", 0)
    with pytest.raises(Unauthenticated):
        await setup.authenticator.authenticate(new_key().text)
    assert len(refused) == REFUSED_MAX
    with pytest.raises(Unauthenticated):
        await setup.authenticator.authenticate("garbage, which is not looked up and not remembered")
    assert setup.store.key_reads == 1


async def test_both_secrets_count_until_the_grace_is_over() -> None:
    setup = Setup()
    old = await setup.key()
    [key_id] = setup.store.keys
    new = (await setup.keys.rotate(TEST, key_id, account_id=None, grace_s=10)).text
    assert await setup.authenticator.authenticate(old) == await setup.authenticator.authenticate(new)
    setup.clock.time += 10 * SECOND  # sooner than what is remembered ends
    with pytest.raises(Unauthenticated):
        await setup.authenticator.authenticate(old)
    assert (await setup.authenticator.authenticate(new)).api_key_id == key_id


async def test_without_grace_the_old_secret_ends_at_once() -> None:
    setup = Setup()
    old = await setup.key()
    await setup.authenticator.authenticate(old)
    [key_id] = setup.store.keys
    await setup.keys.rotate(TEST, key_id, account_id=None, grace_s=0)
    with pytest.raises(Unauthenticated):
        await setup.authenticator.authenticate(old)


async def test_a_second_rotation_ends_the_first_secret() -> None:
    setup = Setup()
    first = await setup.key()
    [key_id] = setup.store.keys
    second = (await setup.keys.rotate(TEST, key_id, account_id=None)).text
    await setup.keys.rotate(TEST, key_id, account_id=None)
    with pytest.raises(Unauthenticated):
        await setup.authenticator.authenticate(first)
    await setup.authenticator.authenticate(second)


async def test_an_expired_key_is_refused_also_while_it_is_remembered() -> None:
    setup = Setup()
    text = await setup.key(KeySpec(expires_at=Microseconds(setup.clock.time + SECOND)))
    await setup.authenticator.authenticate(text)
    setup.clock.time += SECOND
    with pytest.raises(Unauthenticated):
        await setup.authenticator.authenticate(text)


@pytest.mark.parametrize("address", ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"])
async def test_a_key_is_used_from_its_networks(address: str) -> None:
    setup = Setup()
    networks = (parse_network("192.0.2.0/24"), parse_network("2001:db8::/32"))
    text = await setup.key(KeySpec(allowed_networks=networks))
    for _ in range(2):  # looked up, and remembered
        await setup.authenticator.authenticate(text, address)


@pytest.mark.parametrize(
    "address", [None, "", "192.0.3.7", "2001:db9::1", "192.0.2.7, 192.0.3.7", "nonsense"]
)
async def test_and_from_nowhere_else(address: str | None) -> None:
    setup = Setup()
    text = await setup.key(
        KeySpec(allowed_networks=(parse_network("192.0.2.0/24"), parse_network("2001:db8::/32")))
    )
    await setup.authenticator.authenticate(text, "192.0.2.1")
    with pytest.raises(AddressNotAllowed):
        await setup.authenticator.authenticate(text, address)


async def test_a_secret_of_an_older_pepper_counts_while_that_is_there() -> None:
    setup = Setup()
    text = await setup.key()
    both = Peppers({**PEPPERS.by_version, 2: b"q" * 32})
    after = Authenticator(setup.store, both, setup.clock)
    await after.authenticate(text)
    keys = KeyService(setup.store, setup.store, after, both, setup.clock)
    [key_id] = setup.store.keys
    new = (await keys.rotate(TEST, key_id, account_id=None)).text
    assert setup.store.keys[key_id].pepper_version == 2
    without_old = Authenticator(setup.store, Peppers({2: b"q" * 32}), setup.clock)
    await without_old.authenticate(new)
    with pytest.raises(Unauthenticated):
        await without_old.authenticate(text)


async def test_what_changed_while_it_was_read_is_not_remembered() -> None:
    """A revocation that is heard of between the read and its end must not be forgotten again."""

    class Slow(MemoryAccountStore):
        meanwhile: Callable[[], Awaitable[object]] | None = None

        async def key_with_account(self, public_id: str) -> tuple[ApiKey, Account] | None:
            found = await super().key_with_account(public_id)
            if self.meanwhile is not None:
                meanwhile, self.meanwhile = self.meanwhile, None
                await meanwhile()
            return found

    setup = Setup()
    setup.store = slow = Slow(setup.clock)
    setup.authenticator = Authenticator(slow, PEPPERS, setup.clock)
    setup.accounts = AccountService(slow, setup.authenticator, setup.clock)
    setup.keys = KeyService(slow, slow, setup.authenticator, PEPPERS, setup.clock)
    text = await setup.key()
    [key_id] = slow.keys
    slow.meanwhile = lambda: setup.keys.revoke(TEST, key_id, account_id=None)
    await setup.authenticator.authenticate(text)  # it was valid when it was read
    with pytest.raises(Unauthenticated):
        await setup.authenticator.authenticate(text)


async def test_the_first_use_on_a_day_is_noted_and_written_later() -> None:
    setup = Setup()
    uses = KeyUses(setup.store)
    authenticator = Authenticator(setup.store, PEPPERS, setup.clock, uses.note)
    text = await setup.key()
    [key_id] = setup.store.keys
    await authenticator.authenticate(text)
    assert setup.store.keys[key_id].last_used_at is None
    assert not await uses.flush()
    assert setup.store.keys[key_id].last_used_at == setup.clock.time - setup.clock.time % DAY
    noted: list[object] = []
    await Authenticator(setup.store, PEPPERS, setup.clock, noted.append).authenticate(text)
    assert noted == []
    setup.clock.time += DAY
    await Authenticator(setup.store, PEPPERS, setup.clock, noted.append).authenticate(text)
    assert len(noted) == 1


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
        await setup.keys.revoke(TEST, ApiKeyId("key_none"), account_id=None)
