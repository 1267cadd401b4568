"""Puts the parts together: the one place that knows which adapter stands behind which port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from raseed.adapters.content.vault import Vault
from raseed.adapters.policy.loader import load_policy
from raseed.adapters.rpc.rest.webhooks import MetaWebhook
from raseed.adapters.scripted.backend import ScriptedModelBackend, ScriptedSettings
from raseed.adapters.sql.accounts.accounts import SqlAccountStore
from raseed.adapters.sql.accounts.api_keys import SqlKeyStore
from raseed.adapters.sql.accounts.closing_requests import SqlClosingRequestStore
from raseed.adapters.sql.accounts.standing import SqlStandingStore
from raseed.adapters.sql.admin.audit import SqlAuditStore
from raseed.adapters.sql.admin.operators import SqlOperatorStore
from raseed.adapters.sql.content import SqlContentStore
from raseed.adapters.sql.erasure import SqlErasureStore
from raseed.adapters.sql.export import SqlExportStore
from raseed.adapters.sql.ledger.history import SqlHistoryStore
from raseed.adapters.sql.ledger.replay import replay
from raseed.adapters.sql.ledger.usage_queries import SqlUsageStore
from raseed.adapters.sql.messaging.broadcasts import SqlBroadcastStore
from raseed.adapters.sql.messaging.enquiries import SqlEnquiryStore
from raseed.adapters.sql.messaging.notice_preferences import SqlPreferenceStore
from raseed.adapters.sql.messaging.outbox import SqlOutbox
from raseed.adapters.sql.payments.subscriptions import SqlSubscriptionStore
from raseed.adapters.sql.ports import SqlDatabase
from raseed.adapters.telemetry.log import log
from raseed.app.database import open_database, verification
from raseed.app.gateways import open_gateways, with_own_products
from raseed.app.layout import Home
from raseed.app.local_models import LocalModels, open_local_models
from raseed.app.lone_secrets import read_content_keys, read_sign_in_peppers
from raseed.app.messengers import open_messenger, report_unsent
from raseed.app.organisations import Organisations, open_organisations
from raseed.app.payments import Payments, open_payments
from raseed.app.peppers import read_peppers
from raseed.app.receipts import Receipts, open_receipts
from raseed.app.redemption import Redemptions, open_redemptions
from raseed.app.settings.configuration import Configuration, Settings
from raseed.app.sign_in import SignIn, open_sign_in
from raseed.core.accounts.authenticator import Authenticator
from raseed.core.accounts.closing import ClosingRequests
from raseed.core.accounts.codes import subject_of
from raseed.core.accounts.key_service import KeyService, KeyTerms, keys_max
from raseed.core.accounts.key_uses import KeyUses
from raseed.core.accounts.service import AccountService
from raseed.core.admin.account_service import AccountAdmin
from raseed.core.admin.audit_service import AuditService
from raseed.core.admin.broadcasts import BroadcastService, BroadcastStore
from raseed.core.admin.erasure import ErasureService
from raseed.core.admin.export import ExportService
from raseed.core.admin.operator_service import OperatorAuthenticator, OperatorService
from raseed.core.admin.service import AdminService, Verification
from raseed.core.admin.standing import StandingStore
from raseed.core.billing.calendar import Calendar
from raseed.core.billing.credit import CreditService
from raseed.core.billing.history import HistoryService, Offers
from raseed.core.billing.holds import HoldPolicy
from raseed.core.billing.metering import MeteringService
from raseed.core.billing.policy import Policy
from raseed.core.billing.ports import Ledger
from raseed.core.billing.pricing import token_price
from raseed.core.billing.replay import Replay
from raseed.core.billing.subscription import SubscriptionService
from raseed.core.billing.usage import UsageService
from raseed.core.billing.welcome import WelcomeService
from raseed.core.clock import SystemClock
from raseed.core.content.ports import ContentStore
from raseed.core.idempotency import Idempotency
from raseed.core.ids import AccountId
from raseed.core.inference.admission import MODEL_BREAKER, Breakers, SlotLimits, Slots
from raseed.core.inference.routing import Route
from raseed.core.messaging.enquiries import Enquiries
from raseed.core.messaging.express import ExpressQueue
from raseed.core.messaging.ports import Messenger
from raseed.core.messaging.service import NoticeService

SCRIPTED_MULTIPLIER_MILLI = 1000
"""The scripted backend answers any model id, so any id has a price while it is on: one credit a token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Everything but the model backends: what a worker serves, and what the CLI opens on a stopped system."""

    database: SqlDatabase
    ledger: Ledger
    content: ContentStore
    idempotency: Idempotency
    policy: Policy
    authenticator: Authenticator
    accounts: AccountService
    keys: KeyService
    key_uses: KeyUses
    subscriptions: SubscriptionService
    history: HistoryService
    usage: UsageService
    metering: MeteringService
    admin: AdminService
    messenger: Messenger
    express: ExpressQueue
    """Codes go here. A worker runs it; without one, what is posted is never sent."""
    outbox: SqlOutbox
    """Notices lie here."""
    notices: NoticeService
    meta_webhook: MetaWebhook
    standing: StandingStore
    broadcasts: BroadcastStore
    broadcast_service: BroadcastService
    account_admin: AccountAdmin
    closings: ClosingRequests
    export: ExportService
    enquiries: Enquiries
    erasure: ErasureService
    audit: AuditService
    operators: OperatorService
    operator_authenticator: OperatorAuthenticator
    sign_in: SignIn
    organisations: Organisations
    payments: Payments
    receipts: Receipts
    redemptions: Redemptions
    models: LocalModels
    forget_account: Callable[[AccountId], None]
    """Its keys, sessions and members are looked up again."""


@asynccontextmanager
async def open_platform(configuration: Configuration) -> AsyncIterator[Platform]:
    """Opens the database (its schema is brought up to date) and builds the use cases on it.

    Raises PolicyError, DatabaseInUse, DatabaseUnavailable, SchemaTooNew.
    """
    settings = configuration.settings
    home = Home(configuration.home)
    home.prepare()
    policy = read_policy(settings)
    clock = SystemClock()
    database, ledger = await open_database(settings, home)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        messenger = await stack.enter_async_context(open_messenger(settings, home, policy.unit))
        gateways = await stack.enter_async_context(open_gateways(settings, policy, clock))
        store = SqlAccountStore(database)
        peppers = read_peppers(home)
        operators = SqlOperatorStore(database)
        audit = SqlAuditStore(database)
        standing = SqlStandingStore(database)
        broadcasts = SqlBroadcastStore(database)
        outbox = SqlOutbox(database)
        key_store = SqlKeyStore(database)
        key_uses = KeyUses(key_store)
        authenticator = Authenticator(key_store, peppers, clock, key_uses.note)
        accounts = AccountService(store, authenticator, clock)
        calendar = Calendar(policy.time_zone)
        receipts = stack.enter_context(open_receipts(settings, policy, calendar, database))
        usage = UsageService(SqlUsageStore(database), calendar, clock, policy.usage_retention_days)

        content = SqlContentStore(database, Vault(read_content_keys(home)))

        async def verify_ledger() -> Verification:
            return await database.read(verification)

        async def replay_ledger() -> Replay:
            return await database.read(replay)

        express = ExpressQueue(messenger, report_unsent)
        credit = CreditService(ledger)
        sign_in_peppers = read_sign_in_peppers(home)
        sign_in = open_sign_in(
            settings,
            policy,
            database,
            accounts,
            sign_in_peppers,
            express,
            WelcomeService(credit, policy, clock),
            clock,
            alarm=lambda what, error: log.error("sign-in", what=what, exc_info=error),
        )
        terms = KeyTerms(
            life_days=policy.key_life_days,
            keys_max=lambda account: keys_max(account, policy.tiers[account.tier].keys),
        )
        keys = KeyService(
            key_store, store, authenticator, peppers, clock, terms=terms, sessions=sign_in.use_cases.sessions
        )

        organisations = open_organisations(
            settings, policy, database, sign_in.use_cases.authenticator, accounts, express, clock
        )

        def forget_account(account_id: AccountId) -> None:
            authenticator.forget_account(account_id)
            sign_in.use_cases.authenticator.forget_account(account_id)
            organisations.resolver.forget_account(account_id)

        yield Platform(
            database=database,
            ledger=ledger,
            content=content,
            idempotency=Idempotency(content),
            policy=policy,
            authenticator=authenticator,
            accounts=accounts,
            keys=keys,
            key_uses=key_uses,
            subscriptions=SubscriptionService(
                store, ledger, policy.hold, SqlSubscriptionStore(database).paid_until
            ),
            history=HistoryService(SqlHistoryStore(database), Offers(policy.packs, policy.topup), clock),
            usage=usage,
            metering=MeteringService(ledger, policy.prices, policy.hold, clock),
            admin=AdminService(
                accounts=accounts,
                keys=keys,
                credit=credit,
                audit=audit,
                usage=usage,
                policy=policy,
                clock=clock,
                verify=verify_ledger,
                replay=replay_ledger,
            ),
            messenger=messenger,
            express=express,
            outbox=outbox,
            meta_webhook=MetaWebhook(
                app_secret=settings.whatsapp_meta.app_secret.text,
                verify_token=settings.whatsapp_meta.verify_token.text,
            ),
            notices=NoticeService(outbox, SqlPreferenceStore(database), policy.language),
            standing=standing,
            broadcasts=broadcasts,
            broadcast_service=BroadcastService(broadcasts, outbox, audit, policy, calendar, clock),
            account_admin=AccountAdmin(standing, accounts, forget_account, policy, clock),
            closings=ClosingRequests(SqlClosingRequestStore(database), clock),
            enquiries=Enquiries(
                SqlEnquiryStore(database),
                partial(subject_of, sign_in_peppers, "enquiries"),
                clock,
                has_readers=bool(settings.messaging.operators),
            ),
            export=ExportService(SqlExportStore(database), accounts, audit),
            erasure=ErasureService(SqlErasureStore(database), accounts, standing, ledger, content),
            audit=AuditService(audit, calendar),
            operators=OperatorService(operators, peppers, clock),
            operator_authenticator=OperatorAuthenticator(operators, peppers, clock),
            sign_in=sign_in,
            organisations=organisations,
            payments=open_payments(
                settings, policy, database, ledger, store, audit, gateways, receipts.terms
            ),
            receipts=receipts,
            models=open_local_models(settings, home, database),
            redemptions=open_redemptions(database, credit, policy, peppers, sign_in_peppers),
            forget_account=forget_account,
        )


def read_policy(settings: Settings) -> Policy:
    """Raises PolicyError."""
    hold = HoldPolicy(chunk_tokens=settings.billing.chunk_tokens, hold_wait_s=settings.billing.hold_wait_s)
    policy = with_own_products(load_policy(settings.billing.profile, hold), settings)
    if not settings.scripted.enabled:
        return policy
    fallback = token_price("*", "standard", SCRIPTED_MULTIPLIER_MILLI)
    return replace(policy, prices=policy.prices.with_fallback(fallback))


@asynccontextmanager
async def open_routes(configuration: Configuration, triton_address: str) -> AsyncIterator[list[Route]]:
    """The model backends in order of preference, each with its slots. A new backend is one more block here."""
    settings = configuration.settings
    core = settings.core
    limits = SlotLimits(slots=core.slots, queue_max=core.queue_max, wait_s=core.queue_wait_s)
    breaker = replace(MODEL_BREAKER, failures=core.breaker_failures)
    async with AsyncExitStack() as stack:
        routes: list[Route] = []
        if triton_address:
            # Not at the top: what it stands on takes a quarter of a worker's start, and some serve no local model.
            from raseed.app.triton_route import open_triton_route

            slots = Slots(replace(limits, slots=settings.triton.slots))
            route = await stack.enter_async_context(open_triton_route(triton_address, slots))
            routes.append(replace(route, breakers=Breakers(breaker)))
        if configuration.providers.targets:
            from raseed.app.providers import open_provider_routes

            local = routes[0].backend if routes else None
            sold = await stack.enter_async_context(
                open_provider_routes(configuration.providers, limits, local)
            )
            # A local model that has targets too is reached through them.
            over_local = [route for route in sold if local is not None and local.serves(route.backend.name)]
            routes = [*over_local, *routes, *(route for route in sold if route not in over_local)]
        if settings.scripted.enabled:
            scripted = ScriptedSettings(
                models=settings.scripted.models,
                any_model=settings.scripted.any_model,
                answer=settings.scripted.answer,
                pace_ms=settings.scripted.pace_ms,
            )
            backend = ScriptedModelBackend(scripted)
            routes.append(Route(backend, Slots(limits), embedder=backend, breakers=Breakers(breaker)))
        yield routes
