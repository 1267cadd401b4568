"""AdminService over gRPC: on the admin socket, never on the public listener."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc

from raseed.adapters.rpc.accounts import KEYS_PAGE_MAX
from raseed.adapters.rpc.admin.mapping import from_core_account
from raseed.adapters.rpc.billing_mapping import from_core_report, to_core_group_by
from raseed.adapters.rpc.call import acting
from raseed.adapters.rpc.idempotency import once
from raseed.adapters.rpc.key_mapping import from_core_key, to_core_given_cap, to_core_spec
from raseed.adapters.rpc.paging import decode_token, encode_token, page_size
from raseed.admin.v1 import admin_pb2 as pb
from raseed.admin.v1 import admin_pb2_grpc
from raseed.core.accounts.model import Account
from raseed.core.admin.account_service import AccountAdmin
from raseed.core.admin.service import AdminService, Payment
from raseed.core.billing.model import BalanceView, GrantSource
from raseed.core.billing.usage import GROUPS_MAX
from raseed.core.errors import RequestInvalid
from raseed.core.idempotency import Idempotency
from raseed.core.inference.routing import Route

ACCOUNTS_PAGE_MAX = 100

Context = grpc.aio.ServicerContext[Any, Any]


class AdminServicer(admin_pb2_grpc.AdminServiceServicer):
    def __init__(
        self,
        admin: AdminService,
        accounts: AccountAdmin,
        idempotency: Idempotency,
        routes: Sequence[Route],
    ) -> None:
        self._admin = admin
        self._accounts = accounts
        self._idempotency = idempotency
        self._routes = routes

    async def CreateAccount(
        self, request: pb.CreateAccountRequest, context: Context
    ) -> pb.CreateAccountResponse:
        account = await self._admin.create_account(
            email=request.email,
            phone=request.phone,
            tier=request.tier,
            microcredits=request.credits_microcredits,
            welcome=not request.no_welcome,
            actor=acting(context).actor,
        )
        return pb.CreateAccountResponse(account=await self._with_balance(account))

    async def GetAccount(self, request: pb.GetAccountRequest, context: Context) -> pb.GetAccountResponse:
        account, balance = await self._admin.account(request.account)
        return pb.GetAccountResponse(account=await self._whole(account, balance))

    async def SetDebtLimit(
        self, request: pb.SetDebtLimitRequest, context: Context
    ) -> pb.SetDebtLimitResponse:
        account, balance = await self._admin.set_debt_limit(
            request.account,
            request.limit_microcredits if request.HasField("limit_microcredits") else None,
            reason=request.reason,
            actor=acting(context).actor,
        )
        return pb.SetDebtLimitResponse(account=await self._whole(account, balance))

    async def ListAccounts(
        self, request: pb.ListAccountsRequest, context: Context
    ) -> pb.ListAccountsResponse:
        size = page_size(request.page_size, ACCOUNTS_PAGE_MAX)
        accounts = await self._accounts.find(
            text=request.query,
            status=request.status,
            tier=request.tier,
            after=decode_token(request.page_token),
            limit=size + 1,
        )
        return pb.ListAccountsResponse(
            accounts=[await self._with_balance(account) for account in accounts[:size]],
            next_page_token=encode_token(accounts[size - 1].id) if len(accounts) > size else "",
        )

    async def CreateApiKey(
        self, request: pb.CreateApiKeyRequest, context: Context
    ) -> pb.CreateApiKeyResponse:
        made = await self._admin.create_key(
            request.account,
            to_core_spec(request, request.mode, to_core_given_cap(request)),
            actor=acting(context).actor,
            request_id=request.request_id,
        )
        return pb.CreateApiKeyResponse(id=made.key.id, key=made.text)

    async def ListApiKeys(self, request: pb.ListApiKeysRequest, context: Context) -> pb.ListApiKeysResponse:
        size = page_size(request.page_size, KEYS_PAGE_MAX)
        keys = await self._admin.list_keys(request.account, decode_token(request.page_token), size + 1)
        return pb.ListApiKeysResponse(
            api_keys=map(from_core_key, keys[:size]),
            next_page_token=encode_token(keys[size - 1].id) if len(keys) > size else "",
        )

    async def SetSpendCap(self, request: pb.SetSpendCapRequest, context: Context) -> pb.SetSpendCapResponse:
        key = await self._admin.set_cap(request.id, to_core_given_cap(request), actor=acting(context).actor)
        return pb.SetSpendCapResponse(api_key=from_core_key(key))

    async def RevokeApiKey(
        self, request: pb.RevokeApiKeyRequest, context: Context
    ) -> pb.RevokeApiKeyResponse:
        key = await self._admin.revoke_key(request.id, actor=acting(context).actor)
        return pb.RevokeApiKeyResponse(id=key.id, revoked_at_us=key.revoked_at or 0)

    async def GrantCredits(
        self, request: pb.GrantCreditsRequest, context: Context
    ) -> pb.GrantCreditsResponse:
        account, _ = await self._admin.account(request.account)

        async def work(request_id: str) -> pb.GrantCreditsResponse:
            granted = await self._admin.grant(
                account.id,
                request.amount_microcredits,
                reason=request.reason,
                request_id=request_id,
                actor=acting(context).actor,
                source=_source(request.source),
                payment=_payment(request),
            )
            return pb.GrantCreditsResponse(
                grant_id=granted.grant_id, balance_microcredits=granted.balance.spendable_microcredits
            )

        return await once(self._idempotency, account.id, request, context, work, pb.GrantCreditsResponse)

    async def AdjustCredits(
        self, request: pb.AdjustCreditsRequest, context: Context
    ) -> pb.AdjustCreditsResponse:
        account, _ = await self._admin.account(request.account)

        async def work(request_id: str) -> pb.AdjustCreditsResponse:
            adjusted = await self._admin.adjust(
                account.id,
                request.amount_microcredits,
                grant_id=request.grant_id,
                reason=request.reason,
                request_id=request_id,
                actor=acting(context).actor,
            )
            return pb.AdjustCreditsResponse(
                changes=[
                    pb.GrantChange(grant_id=grant_id, amount_microcredits=amount)
                    for grant_id, amount in adjusted.changes
                ],
                balance_microcredits=adjusted.spendable_microcredits,
            )

        return await once(self._idempotency, account.id, request, context, work, pb.AdjustCreditsResponse)

    async def VoidGrant(self, request: pb.VoidGrantRequest, context: Context) -> pb.VoidGrantResponse:
        account, _ = await self._admin.account(request.account)

        async def work(request_id: str) -> pb.VoidGrantResponse:
            taken = await self._admin.void(
                account.id,
                request.grant_id,
                reason=request.reason,
                request_id=request_id,
                actor=acting(context).actor,
            )
            return pb.VoidGrantResponse(
                voided_microcredits=taken.amount_microcredits,
                held_microcredits=taken.still_held_microcredits,
                balance_microcredits=taken.spendable_microcredits,
            )

        return await once(self._idempotency, account.id, request, context, work, pb.VoidGrantResponse)

    async def QueryUsage(self, request: pb.QueryUsageRequest, context: Context) -> pb.QueryUsageResponse:
        account, _ = await self._admin.account(request.account)
        report = await self._admin.usage(
            account.id,
            begin=getattr(request, "from"),
            end=request.to,
            group_by=to_core_group_by(request.group_by),
            after=decode_token(request.page_token) if request.page_token else None,
            limit=page_size(request.page_size, GROUPS_MAX),
        )
        groups, token = from_core_report(report)
        return pb.QueryUsageResponse(
            groups=groups,
            next_page_token=token,
            from_us=report.span.begin,
            to_us=report.span.end,
            time_zone=self._admin.time_zone,
        )

    async def VerifyLedger(
        self, request: pb.VerifyLedgerRequest, context: Context
    ) -> pb.VerifyLedgerResponse:
        verification = await self._admin.verify_ledger()
        return pb.VerifyLedgerResponse(
            violations=[
                pb.LedgerViolation(invariant=violation.invariant, detail=violation.detail)
                for violation in verification.violations
            ],
            invariant_count=verification.invariant_count,
            entry_count=verification.entry_count,
            sealed_count=verification.sealed_count,
            chain_head=verification.chain_head.hex(),
        )

    async def ReplayLedger(
        self, request: pb.ReplayLedgerRequest, context: Context
    ) -> pb.ReplayLedgerResponse:
        replayed = await self._admin.replay_ledger()
        return pb.ReplayLedgerResponse(
            differences=[
                pb.LedgerDifference(
                    figure=difference.figure.value,
                    id=difference.id,
                    stored_microcredits=difference.stored_microcredits,
                    rebuilt_microcredits=difference.rebuilt_microcredits,
                )
                for difference in replayed.differences
            ],
            complete=replayed.is_complete,
            account_count=replayed.account_count,
            grant_count=replayed.grant_count,
            open_hold_count=replayed.open_hold_count,
            entry_count=replayed.entry_count,
        )

    async def ListBackends(
        self, request: pb.ListBackendsRequest, context: Context
    ) -> pb.ListBackendsResponse:
        backends = []
        for route in self._routes:
            ready = await route.backend.is_ready()
            backends += [
                pb.Backend(
                    model=card.id,
                    backend=route.backend.name,
                    ready=ready,
                    in_flight_count=route.slots.in_flight,
                )
                for card in route.backend.models()
            ]
        return pb.ListBackendsResponse(backends=backends)

    async def _with_balance(self, account: Account) -> pb.AdminAccount:
        balance = await self._admin.balance(account.id)
        return from_core_account(account, balance, self._admin.debt_limit(balance) if balance else 0)

    async def _whole(self, account: Account, balance: BalanceView) -> pb.AdminAccount:
        standing = await self._accounts.standing(account.id)
        return from_core_account(account, balance, self._admin.debt_limit(balance), standing)


def _source(name: str) -> GrantSource:
    try:
        return GrantSource(name or GrantSource.ADJUSTMENT)
    except ValueError as error:
        raise RequestInvalid(f"Unknown source {name!r}.", param="source") from error


def _payment(request: pb.GrantCreditsRequest) -> Payment | None:
    if not request.currency and not request.paid_minor:
        return None
    return Payment(paid_minor=request.paid_minor, currency=request.currency)
