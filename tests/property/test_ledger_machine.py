"""Random histories of one account: the SQLite store against a model that counts coins."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection
from tests.property.coin_ledger import CoinLedger, Price
from tests.property.quick_store import FamilyKey, QuickStore, at_once, empty_database
from tests.simulation.books import quick_folder, violations
from tests.unit.billing.builders import ALICE, DAY, LEASE, extend, issue, place, release, settle, sweep

from raseed.adapters.sql.accounts.accounts import set_debt_limit
from raseed.adapters.sql.ledger.spend_caps import set_cap, set_member_cap
from raseed.core.billing.commands import (
    Command,
    Granted,
    Held,
    Refused,
    Result,
    Settled,
    TakeBack,
    TakenBack,
    TakeShortfall,
)
from raseed.core.billing.model import BalanceView
from raseed.core.billing.spend_caps import CapWindow, SpendCap, member_bucket
from raseed.core.ids import ApiKeyId, GrantId, PersonId

WORKER = "worker-1"
KEY, CHILD = ApiKeyId("key_capped"), ApiKeyId("key_capped_child")
MONA, OMAR = PersonId("acct_mona"), PersonId("acct_omar")
SPENDERS: dict[str, dict[str, str]] = {
    "nobody": {},
    "key": {"api_key_id": KEY, "person_id": MONA},
    "child": {"api_key_id": CHILD, "parent_key_id": KEY, "person_id": MONA},
    "session": {"person_id": MONA},
    "other": {"person_id": OMAR},
}
"""Who asks for a hold, in the organisation that Alice's account is."""
BUCKETS = [KEY, CHILD, member_bucket(ALICE, MONA), member_bucket(ALICE, OMAR)]
A_COIN_A_TOKEN = Price((1,))
KEYS = st.sampled_from([f"k{number}" for number in range(8)])
NAMES = [f"h{number}" for number in range(12)]
AMOUNTS = st.sampled_from([0, 1, 7, 12, 25])
PICKS = st.integers(0, 99)
"""Chooses a hold: mostly one that is open, because little can happen to the others."""
EPOCHS = st.sampled_from([1, 2])
STRANGER = st.sampled_from([False] * 9 + [True])
"""Whether the command comes from another life of the worker than the hold's."""


folder: Path
"""Where the histories' databases lie. `empty.db` is what each begins with."""
NUMBERS = count(1)
"""Names of the databases. Each history has its own: one that is interrupted, by a time limit for example, cannot close
its database, and SQLite would take the log that it leaves for the log of whatever is put in its place.
"""


class LedgerMachine(RuleBasedStateMachine):
    @initialize()
    def open_account(self) -> None:
        self.path = folder / f"history-{next(NUMBERS)}.db"
        shutil.copyfile(folder / "empty.db", self.path)
        self.store = QuickStore(self.path)
        self.model = CoinLedger()
        self.sent: list[Command] = []
        self.grant_ids: dict[str, GrantId] = {}
        # Histories without credit are short of everything else that could go wrong.
        self.issue("start", 60, 0, 1, 0, 0)
        self.issue("more", 60, 1, None, 0, 1)

    def pick(self, number: int, stranger: bool = False) -> tuple[str, int]:
        """A hold's name and the epoch to speak for."""
        still_open = [name for name, promise in self.model.promises.items() if not promise.ended]
        name = (
            still_open[number % len(still_open)] if still_open and number < 85 else NAMES[number % len(NAMES)]
        )
        life = self.model.promises[name].owner[1] if name in self.model.promises else 1
        return name, 3 - life if stranger else life

    @property
    def now(self) -> int:
        return self.store.clock.now()

    def balance(self) -> BalanceView:
        balance = at_once(self.store.ledger.balance(ALICE))
        assert balance is not None
        return balance

    def send(self, command: Command, expected: str) -> Result:
        result = self.store.submit(command)
        if isinstance(result, Refused):
            assert result.refusal == expected
        else:
            assert ("replay" if getattr(result, "replayed", False) else "done") == expected
            self.sent.append(command)
        return result

    @rule(
        key=KEYS,
        amount=st.sampled_from([1, 10, 30, 60]),
        priority=st.integers(0, 1),
        leases=st.sampled_from([None, 1, 1, 2]),
        later=st.sampled_from([0, 0, 0, LEASE]),
        paid=st.integers(0, 1),
    )
    def issue(self, key: str, amount: int, priority: int, leases: int | None, later: int, paid: int) -> None:
        start, end = self.now + later, None if leases is None else self.now + leases * LEASE
        order = (priority, end is None, end or 0, paid)
        command = issue(
            key,
            amount,
            ALICE,
            priority=priority,
            effective_at=start,
            expires_at=end,
            cost_basis_minor=paid,
        )
        expected = self.model.issue(key, command.source.value, amount, order, start, end, self.now)
        result = self.send(command, expected)
        if isinstance(result, Granted):
            self.grant_ids[key] = result.grant_id

    @rule(
        hold=st.sampled_from(NAMES),
        want=AMOUNTS,
        least=AMOUNTS,
        epoch=EPOCHS,
        spender=st.sampled_from([*SPENDERS, "child", "session"]),
    )
    def place(self, hold: str, want: int, least: int, epoch: int, spender: str) -> None:
        want, least = max(want, least), min(want, least)
        command = place(hold, want, least, ALICE, owner_epoch=epoch, **SPENDERS[spender])
        buckets = tuple(map(str, command.bucket_ids))
        short = self.model.short_bucket(buckets, max(least, 1), self.now)
        expected = self.model.place(
            hold, want, least, (WORKER, epoch), LEASE, self.now, A_COIN_A_TOKEN, "input", buckets
        )
        result = self.send(command, expected)
        if expected == "spend_cap_reached":
            assert isinstance(result, Refused)
            assert result.bucket_id == short
        if isinstance(result, Held):
            promise = self.model.promises[hold]
            assert result.amount_microcredits == promise.size()
            assert result.is_open == (not promise.ended)

    @rule(
        bucket=st.sampled_from(BUCKETS),
        limit=st.sampled_from([None, 0, 10, 30, 60]),
        window=st.sampled_from(CapWindow),
    )
    def cap(self, bucket: str, limit: int | None, window: CapWindow) -> None:
        """What was charged and is held before counts, also if the cap is lowered below it."""
        cap = None if limit is None else SpendCap(limit, window)

        def work(connection: Connection) -> bool:
            now = self.store.clock.now()
            if bucket in {KEY, CHILD}:
                return set_cap(connection, ApiKeyId(bucket), cap, now)
            return set_member_cap(connection, ALICE, PersonId(bucket.removeprefix(f"{ALICE}/")), cap, now)

        assert self.store.write(work)
        self.model.cap(bucket, limit, window.value, self.now)

    @rule(limit=st.sampled_from([None, None, 0, 15, 50]))
    def limit_debt(self, limit: int | None) -> None:
        assert self.store.write(lambda connection: set_debt_limit(connection, ALICE, limit))
        self.model.own_limit = limit

    @rule(
        number=PICKS,
        to=st.sampled_from([0, 8, 20, 30, 60, 90]),
        tokens=AMOUNTS,
        stranger=STRANGER,
        limit=st.sampled_from([None, 0, 40, 40]),
    )
    def extend(self, number: int, to: int, tokens: int, stranger: bool, limit: int | None) -> None:
        """With a limit the account may owe what it has no credit for."""
        hold, epoch = self.pick(number, stranger)
        exposed = self.model.owed + self.model.borrowed()
        command = extend(hold, to, tokens, ALICE, epoch, limit)
        result = self.send(
            command, self.model.extend(hold, to, (tokens,), (WORKER, epoch), LEASE, self.now, limit)
        )
        if isinstance(result, Held):
            assert result.amount_microcredits == self.model.promises[hold].size()
            most = limit if self.model.own_limit is None or limit is None else self.model.own_limit
            assert self.model.owed + self.model.borrowed() <= max(exposed, most or 0)

    @rule(number=PICKS, tokens=AMOUNTS, stranger=STRANGER)
    def settle(self, number: int, tokens: int, stranger: bool) -> None:
        hold, epoch = self.pick(number, stranger)
        command = settle(hold, tokens, ALICE, epoch)
        expected = self.model.settle(hold, (tokens,), (WORKER, epoch), self.now)
        self.check_end(hold, self.send(command, expected))

    @rule(number=PICKS, stranger=STRANGER)
    def release(self, number: int, stranger: bool) -> None:
        hold, epoch = self.pick(number, stranger)
        command = release(hold, ALICE, epoch)
        self.check_end(hold, self.send(command, self.model.release(hold, (WORKER, epoch), self.now)))

    @rule(number=PICKS, epoch=st.sampled_from([1, 2, 3]))
    def sweep(self, number: int, epoch: int) -> None:
        hold, _ = self.pick(number)
        command = sweep(hold, ALICE, WORKER, epoch)
        self.check_end(hold, self.send(command, self.model.sweep(hold, (WORKER, epoch), self.now)))

    @rule(
        key=st.sampled_from(["t1", "t2", "t3"]),
        grant=st.none() | KEYS,
        amount=st.sampled_from([None, 1, 10, 40]),
    )
    def take(self, key: str, grant: str | None, amount: int | None) -> None:
        if grant is None and amount is None:
            return
        grant_id = None if grant is None else self.grant_ids.get(grant, GrantId(grant))
        command = TakeBack(account_id=ALICE, take_key=key, grant_id=grant_id, amount_microcredits=amount)
        result = self.send(command, self.model.take(key, grant, amount, self.now))
        if isinstance(result, TakenBack):
            taken = self.model.taken[key]
            assert (result.amount_microcredits, result.settled_microcredits) == (taken.coins, taken.settled)

    @rule(
        key=st.sampled_from(["t1", "t2", "t3", "t4"]),
        grant=KEYS | st.sampled_from(["start", "more"]),
        amount=st.sampled_from([1, 10, 40, 90]),
        rest=st.sampled_from([TakeShortfall.DEBT, TakeShortfall.DEBT, TakeShortfall.WRITE_OFF]),
    )
    def refund(self, key: str, grant: str, amount: int, rest: TakeShortfall) -> None:
        """What is spent is owed, whatever the limit, or the house's."""
        grant_id = self.grant_ids.get(grant, GrantId(grant))
        command = TakeBack(
            account_id=ALICE, take_key=key, grant_id=grant_id, amount_microcredits=amount, shortfall=rest
        )
        result = self.send(command, self.model.take(key, grant, amount, self.now, rest.value))
        if isinstance(result, TakenBack):
            taken = self.model.taken[key]
            assert result.amount_microcredits == taken.coins
            assert result.debt_microcredits == taken.owed
            assert result.written_off_microcredits == taken.lost
            held = self.model.promised_of()[self.model.purses[grant]]
            assert result.still_held_microcredits == held

    def check_end(self, hold: str, result: Result) -> None:
        if isinstance(result, Settled):
            promise = self.model.promises[hold]
            assert (result.cost_microcredits, result.shortfall_microcredits) == (promise.paid, promise.lost)

    @rule(step=st.sampled_from([1, LEASE // 2, LEASE, -LEASE // 2] * 3 + [DAY, 16 * DAY, -DAY]))
    def wait(self, step: int) -> None:
        """Clocks are set right sometimes, and those of two workers differ."""
        self.store.clock.advance(step)

    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        """Whatever was done before: sent again it is refused, replayed or a heartbeat, and moves no credit."""
        if not self.sent:
            return
        command = data.draw(st.sampled_from(self.sent))
        if type(command).__name__ == "ExtendHold":
            return  # a level, not a step: its own rule repeats it
        before = self.balance()
        result = self.store.submit(command)
        assert isinstance(result, Refused) or getattr(result, "replayed", False)
        assert self.balance() == before

    @invariant()
    def the_balance_is_what_the_coins_say(self) -> None:
        balance = self.balance()
        assert balance.spendable_microcredits == self.model.spendable(self.now)
        assert balance.held_microcredits == self.model.promised()
        assert balance.debt_microcredits == self.model.owed

    def teardown(self) -> None:
        try:
            assert violations(self.store.reader) == []
        finally:
            self.store.close()
        self.path.unlink()


@pytest.fixture(autouse=True)
def histories():
    global folder
    with quick_folder() as folder:
        empty_database(
            folder / "empty.db",
            ALICE,
            keys=[FamilyKey(ALICE, KEY, None, MONA), FamilyKey(ALICE, CHILD, KEY, MONA)],
        )
        yield


def run_histories(number: int, steps: int) -> None:
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=number,
            stateful_step_count=steps,
            database=None,
            # Not shrunk: that takes minutes, and a history of one account is short enough to read.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_random_histories_agree_with_the_coins():
    run_histories(200, 50)


@pytest.mark.long
@pytest.mark.timeout(900)  # a minute on an idle machine
def test_many_long_histories_agree_with_the_coins():
    run_histories(2_000, 50)
