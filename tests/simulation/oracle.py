"""What every durable command should have done, decided by the coins (`tests.property.coin_ledger`), commit by commit."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import assert_never, cast

from tests.property.coin_ledger import CoinLedger, Price, Promise, Usage
from tests.property.quick_store import at_once
from tests.simulation.stage import Wrong
from tests.simulation.storehouse import Decided, Effect

from raseed.adapters.sql.sqlite.ledger import SqliteLedger
from raseed.core.billing.commands import (
    Command,
    ExpireCredit,
    Expired,
    ExtendHold,
    Granted,
    Held,
    IssueGrant,
    PlaceHold,
    Refusal,
    Refused,
    ReleaseHold,
    Result,
    Settled,
    SettleHold,
    SweepHold,
    TakeBack,
    TakenBack,
    TakeShortfall,
)
from raseed.core.billing.measured import QUANTITY_MAX
from raseed.core.billing.model import Measured, Meter, PriceSnapshot
from raseed.core.clock import Microseconds
from raseed.core.ids import AccountId, GrantId
from raseed.core.money import AMOUNT_MAX

OF_CREDIT_OR_CAP = {Refusal.SPEND_CAP_REACHED, Refusal.CREDIT_EXHAUSTED, Refusal.HELD_BY_OPEN_REQUESTS}
"""Refusals that say what could be set aside instead."""
METERS = (Meter.INPUT_TOKENS, Meter.OUTPUT_TOKENS)


class Oracle:
    def __init__(self, account_ids: Iterable[AccountId]) -> None:
        self.accounts = {account_id: CoinLedger() for account_id in account_ids}
        self.homes: dict[str, AccountId] = {}
        """The account of each hold."""
        self.lives: dict[str, int] = {}
        self.seen: Counter[str] = Counter()
        """What durable commands were answered."""
        self.grants: dict[GrantId, tuple[AccountId, str]] = {}
        """The account and the key of each."""

    def follow(self, transaction: list[Decided | Effect]) -> set[AccountId]:
        """Do the same as a transaction that is durable. Returns the accounts it was about. Raises Wrong."""
        touched: set[AccountId] = set()
        for item in transaction:
            if not isinstance(item, tuple):
                item()
                continue
            now, command, result = item
            if command.account_id in self.accounts:
                touched.add(command.account_id)
            owed, windows = self._owed(command), self._windows(command)
            expected, actual = self._expected(command, now), _word(result)
            if self._owed(command) != owed:
                self.seen[
                    "an account comes to owe" if self._owed(command) > owed else "a debt is repaid"
                ] += 1
            if self._windows(command) != windows:
                self.seen["a cap's window begins"] += 1
            self.seen[f"{type(command).__name__}: {actual}"] += 1
            if expected != actual:
                raise Wrong(f"{command} was answered {result}, and it should be {expected}")
            self._check_figures(command, result, now)
            if isinstance(result, TakenBack) and result.debt_microcredits:
                self.seen["a refund is owed"] += 1
            if isinstance(result, TakenBack) and result.written_off_microcredits:
                self.seen["a refund is written off"] += 1
        return touched

    def _owed(self, command: Command) -> int:
        account = self.accounts.get(command.account_id)
        return account.owed if account else 0

    def _windows(self, command: Command) -> list[date]:
        account = self.accounts.get(command.account_id)
        return [cap.since for cap in account.caps.values()] if account else []

    def life_begins(self, instance: str, epoch: int) -> None:
        if epoch != self.lives.get(instance, 0) + 1:
            raise Wrong(f"{instance} begins life {epoch} after {self.lives.get(instance, 0)}")
        self.lives[instance] = epoch

    def moments(self) -> list[int]:
        """When something ends: grants of which a hold keeps a part and a part is left, if there are any; else any grant
        and any lease.
        """
        tense, ends = set[int](), set[int]()
        for account in self.accounts.values():
            promised = account.promised_of()
            ends |= {p.lease_until for p in account.promises.values() if not p.ended}
            for purse in account.purses.values():
                if purse.expires_at is not None:
                    ends.add(purse.expires_at)
                    if purse.coins and promised[purse]:
                        tense.add(purse.expires_at)
        return sorted(tense or ends)

    # ------------------------------------------------------------------------------------------ one command

    def _expected(self, command: Command, now: Microseconds) -> str:
        account = self.accounts.get(command.account_id)
        if not _makes_sense(command):
            return "amount_out_of_range"
        if account is None:
            return "account_unknown"
        if isinstance(command, IssueGrant):
            return _issue(account, command, now)
        if isinstance(command, TakeBack):
            home, key = self.grants.get(command.grant_id or GrantId(""), (None, ""))
            grant = key if home == command.account_id else command.grant_id
            rest = command.shortfall.value
            return account.take(command.take_key, grant, command.amount_microcredits, now, rest)
        if isinstance(command, ExpireCredit):
            account.throw_away(now)
            return "done"
        home = self.homes.get(command.hold_id, command.account_id)
        if isinstance(command, PlaceHold):
            if home != command.account_id:
                return "reused_with_other_input"
            word = account.place(
                command.hold_id,
                command.want_microcredits,
                command.min_microcredits,
                (command.owner_instance, command.owner_epoch),
                command.lease_us,
                now,
                _price(command.price),
                command.input_hash,
                tuple(command.bucket_ids),
            )
            if word == "done":
                self.homes[command.hold_id] = home
            return word
        if home != command.account_id:
            return "hold_unknown"
        if isinstance(command, SweepHold):
            return account.sweep(command.hold_id, (command.sweeper_instance, command.sweeper_epoch), now)
        owner = (command.owner_instance, command.owner_epoch)
        match command:
            case ExtendHold():
                usage, level = _usage(command.checkpoint), command.to_microcredits
                limit = command.debt_limit_microcredits
                return account.extend(command.hold_id, level, usage, owner, command.lease_us, now, limit)
            case SettleHold():
                return account.settle(command.hold_id, _usage(command.measured), owner, now)
            case ReleaseHold():
                return account.release(command.hold_id, owner, now)
            case _:
                assert_never(command)

    def _check_figures(self, command: Command, result: Result, now: Microseconds) -> None:
        account = self.accounts.get(command.account_id)
        if account is None:
            return
        expected: tuple[object, ...]
        actual: tuple[object, ...]
        spendable = account.spendable(now)
        match result:
            case Refused() if isinstance(command, TakeBack):
                return  # its figures are those of the grants in question
            case Expired():
                expected = (spendable,)
                actual = (result.spendable_microcredits,)
            case TakenBack():
                taken = account.taken[cast("TakeBack", command).take_key]
                expected = spendable, taken.coins, taken.owed, taken.lost
                actual = (
                    result.spendable_microcredits,
                    result.amount_microcredits,
                    result.debt_microcredits,
                    result.written_off_microcredits,
                )
            case Refused():
                if isinstance(command, PlaceHold | ExtendHold) and result.refusal in OF_CREDIT_OR_CAP:
                    lendable = 0
                    if isinstance(command, ExtendHold):
                        lendable = account.lendable(now, command.debt_limit_microcredits)
                    spendable = account.uncapped(_buckets_of(account, command), now, lendable)
                    if result.refusal is Refusal.SPEND_CAP_REACHED:
                        kind = "member" if "/" in (result.bucket_id or "") else "key"
                        self.seen[f"the cap of a {kind} is reached"] += 1
                expected = spendable, account.promised()
                actual = result.spendable_microcredits, result.held_microcredits
            case Granted():
                issued = cast("IssueGrant", command)
                self.grants[result.grant_id] = issued.account_id, issued.grant_key
                expected = spendable, account.promised(), account.owed
                balance = result.balance
                actual = (
                    balance.spendable_microcredits,
                    balance.held_microcredits,
                    balance.debt_microcredits,
                )
            case Held():
                promise = account.promises[result.hold_id]
                expected = spendable, promise.size(), promise.lease_until, not promise.ended
                actual = (
                    result.spendable_microcredits,
                    result.amount_microcredits,
                    result.lease_until,
                    result.is_open,
                )
            case Settled():
                promise = account.promises[result.hold_id]
                lines = sum(line.cost_microcredits for line in result.lines)
                expected = spendable, promise.paid, promise.lost, _used(promise)
                actual = (
                    result.spendable_microcredits,
                    result.cost_microcredits,
                    result.shortfall_microcredits,
                    lines,
                )
        if expected != actual:
            raise Wrong(f"{command} was answered {result}, and its figures should be {expected}")

    # -------------------------------------------------------------------------------------------- the tables

    def compare(
        self, ledger: SqliteLedger, reader: sqlite3.Connection, account_ids: Iterable[AccountId], now: int
    ) -> None:
        """These accounts as everybody can read them. Raises Wrong."""
        for account_id in account_ids:
            account = self.accounts[account_id]
            balance = at_once(ledger.balance(account_id))
            assert balance is not None
            expected = account.spendable(now), account.promised(), account.owed
            actual = balance.spendable_microcredits, balance.held_microcredits, balance.debt_microcredits
            if expected != actual:
                raise Wrong(f"the balance of {account_id} is {actual} and should be {expected}")
            promised = account.promised_of()
            purses = {
                key: (purse.coins + promised[purse], promised[purse]) for key, purse in account.purses.items()
            }
            grants = {key: (left, held) for key, left, held in reader.execute(_GRANTS, (account_id,))}
            if purses != grants:
                raise Wrong(f"the grants of {account_id} are {grants} and should be {purses}")
            holds = {id_: tuple(row) for id_, *row in reader.execute(_HOLDS, (account_id,))}
            promises = {
                id_: (
                    promise.ended or "open",
                    promise.size(),
                    promise.borrowed,
                    promise.paid if promise.ended else None,
                    promise.lease_until,
                )
                for id_, promise in account.promises.items()
            }
            if promises != holds:
                raise Wrong(f"the holds of {account_id} are {holds} and should be {promises}")


_GRANTS = "SELECT grant_key, remaining_microcredits, held_microcredits FROM grants WHERE account_id = ?"
_HOLDS = """
    SELECT id, state, amount_microcredits, debt_microcredits, cost_microcredits, lease_until
    FROM holds WHERE account_id = ?
"""


def _buckets_of(account: CoinLedger, command: PlaceHold | ExtendHold) -> tuple[str, ...]:
    if isinstance(command, PlaceHold):
        return tuple(command.bucket_ids)
    return account.promises[command.hold_id].buckets


def _issue(account: CoinLedger, command: IssueGrant, now: Microseconds) -> str:
    start = now if command.effective_at is None else command.effective_at
    end = command.expires_at
    order = (command.priority, end is None, end or 0, command.cost_basis_minor > 0)
    amount = command.amount_microcredits
    return account.issue(command.grant_key, command.source.value, amount, order, start, end, now)


def _makes_sense(command: Command) -> bool:
    match command:
        case IssueGrant():
            return 0 < command.amount_microcredits <= AMOUNT_MAX
        case PlaceHold():
            return 0 <= command.min_microcredits <= command.want_microcredits <= AMOUNT_MAX
        case ExtendHold():
            return 0 <= command.to_microcredits <= AMOUNT_MAX and _is_measurement(command.checkpoint)
        case SettleHold():
            return _is_measurement(command.measured)
        case ReleaseHold() | SweepHold() | ExpireCredit():
            return True
        case TakeBack():
            amount, is_claim = command.amount_microcredits, command.shortfall is not TakeShortfall.REFUSE
            if amount is None:
                return command.grant_id is not None and not is_claim
            return 0 < amount <= AMOUNT_MAX and not (is_claim and command.grant_id is None)
        case _:
            assert_never(command)


def _is_measurement(measured: Measured) -> bool:
    return all(0 <= quantity <= QUANTITY_MAX for _, quantity in measured.quantities)


def _price(price: PriceSnapshot) -> Price:
    rates = {rate.meter: rate for rate in price.rates}
    return Price(tuple(rates[meter].unit_price_microcredits for meter in METERS), price.rates[0].per)


def _usage(measured: Measured) -> Usage:
    quantities = dict(measured.quantities)
    return tuple(quantities.get(meter, 0) for meter in METERS)


def _used(promise: Promise) -> int:
    if promise.ended == "released":
        return 0
    return promise.price.cost(promise.final if promise.ended == "settled" else promise.checkpoint)


def _word(result: Result) -> str:
    if isinstance(result, Refused):
        return result.refusal.value
    return "replay" if getattr(result, "replayed", False) else "done"
