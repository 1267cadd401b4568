"""Erasure: nothing that names the holder is left in any table, and both chains still verify."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select
from tests.integration.rpc.conftest import AT_ONCE
from tests.integration.rpc.test_admin_credits import hold, refused
from tests.support.orders import order
from tests.support.worker import MICROCREDITS, Client, Worker

from raseed.adapters.sql.accounts.tables import accounts, sessions, sign_in_codes
from raseed.adapters.sql.admin.audit import AUDIT_CHAIN
from raseed.adapters.sql.hash_chain import SqlChain
from raseed.adapters.sql.ledger.chain import LEDGER_CHAIN
from raseed.adapters.sql.organisations.tables import invitations, memberships, organisations
from raseed.adapters.sql.payments.payments import SqlPaymentStore
from raseed.adapters.sql.tables import metadata
from raseed.admin.v1 import account_admin_pb2 as pb
from raseed.admin.v1 import admin_pb2, audit_pb2
from raseed.core.accounts.model import Account
from raseed.core.admin.erasure import ErasureService
from raseed.core.admin.standing_jobs import forfeit_job
from raseed.core.chain import sealer_job
from raseed.core.clock import HOUR, Microseconds, SystemClock
from raseed.core.content.ports import ContentKind
from raseed.core.ids import AccountId, PaymentId, RefundId
from raseed.core.jobs import run_round
from raseed.core.messaging.notices import Notice, NoticeKind
from raseed.core.payments.model import PaymentState, Refund, RefundState
from raseed.core.payments.ports import AuditNote, Beside

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = "zaphod-beeblebrox"


async def named_customer(worker: Worker) -> Client:
    """A customer whose name is in everything that can have one."""
    made = await worker.client(f"{CANARY}-{len(await accounts_of(worker))}", 0)
    ask = worker.operators.call
    grant = admin_pb2.GrantCreditsRequest(
        account=made.account, amount_microcredits=9 * MICROCREDITS, reason=f"paid by {CANARY}"
    )
    await ask("GrantCredits", grant)
    await ask("AddAccountNote", pb.AddAccountNoteRequest(account=made.account, text=f"{CANARY} called"))
    await ask("SuspendAccount", pb.SuspendAccountRequest(account=made.account, reason=f"{CANARY} spams"))
    await ask("ReinstateAccount", pb.ReinstateAccountRequest(account=made.account, reason=f"not {CANARY}"))
    await worker.platform.outbox.add(
        Notice(
            kind=NoticeKind.KEY_CREATED,
            account_id=AccountId(made.account),
            cause=made.key_id,
            parameters={"name": CANARY, "last4": "abcd"},
        )
    )
    await worker.platform.content.put(
        AccountId(made.account), ContentKind.IDEMPOTENT, "answer", CANARY.encode(), ttl_s=600
    )
    await worker.platform.closings.request(
        AccountId(made.account), reason=f"{CANARY} leaves", wants_erasure=True, actor=made.account
    )
    await worker.platform.database.write(partial(found_organisation, account_id=made.account))
    await worker.platform.database.write(partial(begin_signing_in, account_id=made.account))
    await pay_and_refund(worker, AccountId(made.account))
    return made


async def pay_and_refund(worker: Worker, account_id: AccountId) -> None:
    """With what operators wrote of it."""
    store = SqlPaymentStore(worker.platform.database)
    paid = replace(order(PaymentState.REVIEW), id=PaymentId(f"pay_{account_id}"), account_id=account_id)
    before = await store.add(replace(paid, invoice_id=paid.id), "key")
    refund = Refund(
        id=RefundId(f"rfd_{account_id}"),
        payment_id=paid.id,
        amount_minor=1,
        reason=f"{CANARY} asked",
        actor="op_1",
        state=RefundState.REQUESTED,
        provider_refund_id="",
        is_dispute=False,
        created_at=Microseconds(1),
    )
    after = replace(before, problem=f"{CANARY} paid twice", url=f"https://pay.example/{CANARY}")
    note = AuditNote(action="payment.decided", detail=f"{CANARY} called", actor="op_1")
    assert await store.replace(before, after, Beside(refunds=[refund], audit=[note]))


def found_organisation(connection: Connection, account_id: str) -> None:
    """Named as its founder, who has invited a namesake."""
    connection.execute(insert(organisations).values(account_id=account_id, name=CANARY, created_at=1))
    member = {"organisation_id": account_id, "role": "owner"}
    connection.execute(
        insert(memberships).values(**member, person_id=account_id, added_by=account_id, joined_at=1)
    )
    connection.execute(
        insert(invitations).values(
            **member,
            id=f"inv_{account_id}",
            digest=account_id.encode(),
            kind="email",
            identifier=f"second-{CANARY}@example.com",
            invited_by=account_id,
            created_at=1,
            expires_at=2,
        )
    )


def begin_signing_in(connection: Connection, account_id: str) -> None:
    """On one machine done, on another with the code still to be given back."""
    address = connection.scalar(select(accounts.c.email).where(accounts.c.id == account_id))
    later = SystemClock().now() + HOUR
    moments = dict.fromkeys(("created_at", "authenticated_at", "last_used_at", "expires_at"), later)
    digest = account_id.encode()
    connection.execute(
        insert(sessions).values(
            id=f"ses_{account_id}", digest=digest, account_id=account_id, device=CANARY, **moments
        )
    )
    connection.execute(
        insert(sign_in_codes).values(
            id=digest,
            purpose="sign_in",
            kind="email",
            identifier=address,
            device="",
            digest=digest,
            pepper_version=1,
            attempt_count=0,
            expires_at=later,
        )
    )


async def accounts_of(worker: Worker) -> list[Any]:
    found = await worker.operators.call("ListAccounts", admin_pb2.ListAccountsRequest())
    return list(found.accounts)


async def close(worker: Worker, client: Client) -> None:
    request = pb.CloseAccountRequest(account=client.account, reason=f"{CANARY} asked", forfeit=True)
    await worker.operators.call("CloseAccount", request)


async def erase(worker: Worker, client: Client) -> admin_pb2.AdminAccount:
    request = pb.EraseAccountRequest(account=client.account, reason="asked for")
    answer: pb.EraseAccountResponse = await worker.operators.call("EraseAccount", request)
    return answer.account


async def tables_with(worker: Worker, text: str) -> list[str]:
    def work(connection: Connection) -> list[str]:
        return [
            table.name
            for table in metadata.sorted_tables
            for row in connection.execute(select(table))
            if any(text in str(value) or text.encode() in _bytes(value) for value in row)
        ]

    return sorted(set(await worker.platform.database.read(work)))


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b""


@AT_ONCE
async def test_nothing_that_names_the_holder_is_left_and_the_chains_verify(worker: Worker):
    named = await named_customer(worker)
    assert {
        "accounts",
        "account_notes",
        "account_standing",
        "api_keys",
        "audit_details",
        "closing_requests",
        "grants",
        "invitations",
        "organisations",
        "outbox",
        "payments",
        "refunds",
        "sessions",
        "sign_in_codes",
    } <= set(await tables_with(worker, CANARY))
    platform = worker.platform
    await close(worker, named)
    await run_round(forfeit_job(platform.standing, platform.ledger))
    await run_round(sealer_job("seal", SqlChain(platform.database, LEDGER_CHAIN)))
    await run_round(sealer_job("seal", SqlChain(platform.database, AUDIT_CHAIN)))

    erased = await erase(worker, named)
    assert (erased.email, erased.phone, erased.status) == (f"{named.account}@erased.invalid", "", "closed")
    assert await tables_with(worker, CANARY) == []
    assert await platform.content.get(AccountId(named.account), ContentKind.IDEMPOTENT, "answer") is None
    assert await erase(worker, named) == erased

    ledger = await worker.admin.VerifyLedger(admin_pb2.VerifyLedgerRequest())
    assert not ledger.violations
    log = await worker.operators.call("VerifyAuditLog", audit_pb2.VerifyAuditLogRequest())
    assert (list(log.violations), log.erased_count > 0) == ([], True)
    asked = audit_pb2.ListAuditRowsRequest(subject=named.account)
    rows = (await worker.operators.call("ListAuditRows", asked)).rows
    assert [(row.action, row.detail) for row in rows if row.HasField("detail")] == [
        ("account.erase", "asked for")
    ]
    assert "account.suspend" in [row.action for row in rows]


class BreaksOff:
    """A store whose worker is killed before it has done anything."""

    async def erase(self, account_id: AccountId, reason: str, actor: str) -> Account | None:
        raise ConnectionError(account_id)


async def test_an_erasure_that_broke_off_is_done_by_the_next_attempt(worker: Worker):
    named = await named_customer(worker)
    platform = worker.platform
    await close(worker, named)
    await run_round(forfeit_job(platform.standing, platform.ledger))
    broken = ErasureService(
        BreaksOff(), platform.accounts, platform.standing, platform.ledger, platform.content
    )
    with pytest.raises(ConnectionError):
        await broken.erase(named.account, reason="asked for", actor="op_1")
    assert await platform.content.get(AccountId(named.account), ContentKind.IDEMPOTENT, "answer") is None
    assert await tables_with(worker, CANARY) != []
    await erase(worker, named)
    assert await tables_with(worker, CANARY) == []


async def test_only_a_closed_account_that_is_done_is_erased_and_by_its_id_alone(worker: Worker, new_client):
    client = await new_client(100)
    ask = worker.operators.call
    request = pb.EraseAccountRequest(account=client.account, reason="asked for")
    assert await refused(ask("EraseAccount", request)) == ("ABORTED", "CONFLICT")
    await hold(worker, client, "open", 10)
    await close(worker, client)
    assert await refused(ask("EraseAccount", request)) == ("ABORTED", "CONFLICT")
    email = next(each.email for each in await accounts_of(worker) if each.id == client.account)
    for wrong in ({"account": email, "reason": "x"}, {"account": client.account}):
        refusal = await refused(ask("EraseAccount", pb.EraseAccountRequest(**wrong)))
        assert refusal == ("INVALID_ARGUMENT", "REQUEST_INVALID")
    unknown = pb.EraseAccountRequest(account="acct_none", reason="x")
    assert (await refused(ask("EraseAccount", unknown)))[0] == "NOT_FOUND"
