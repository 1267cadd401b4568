"""Sign-in as the settings and the profile have it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from raseed.adapters.identity.phones import NumberingPlans
from raseed.adapters.rpc.auth import SignInUseCases
from raseed.adapters.sql.accounts.sessions import SqlSessionStore
from raseed.adapters.sql.accounts.sign_in import SqlSignInStore
from raseed.adapters.sql.accounts.sign_in_codes import SqlCodeStore
from raseed.adapters.sql.ports import SqlDatabase
from raseed.adapters.telemetry.metrics import CODES
from raseed.app.settings.configuration import Settings
from raseed.core.accounts.code_limits import CodeLimits, Window
from raseed.core.accounts.codes import CodeDesk, CodeOutcome
from raseed.core.accounts.identity import IdentifierKind, read_identifier
from raseed.core.accounts.keys import Peppers
from raseed.core.accounts.purge import purge_sign_in_job
from raseed.core.accounts.service import AccountService
from raseed.core.accounts.sessions import SessionAuthenticator, SessionLimits, SessionService
from raseed.core.accounts.sign_in import SignInPolicy, SignInService
from raseed.core.admin.contact_service import ContactAdmin
from raseed.core.billing.policy import Identity, Policy
from raseed.core.billing.welcome import WelcomeService
from raseed.core.clock import DAY, HOUR, MINUTE, SECOND, Clock
from raseed.core.jobs import Job
from raseed.core.messaging.express import ExpressQueue

KINDS = {Identity.WHATSAPP_OTP: IdentifierKind.PHONE, Identity.EMAIL_CODE: IdentifierKind.EMAIL}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    use_cases: SignInUseCases
    contacts: ContactAdmin
    purge: Job


def open_sign_in(
    settings: Settings,
    policy: Policy,
    database: SqlDatabase,
    accounts: AccountService,
    peppers: Peppers,
    express: ExpressQueue,
    welcome: WelcomeService,
    clock: Clock,
    alarm: Callable[[str, BaseException | None], None],
) -> SignIn:
    limits = session_limits(settings)
    codes, sessions = SqlCodeStore(database), SqlSessionStore(database)
    authenticator = SessionAuthenticator(sessions, clock, limits, origins(settings))
    kinds = tuple(KINDS[identity] for identity in policy.identity)
    desk, store = CodeDesk(codes, peppers, clock, code_limits(settings), _count), SqlSignInStore(database)
    numbers = NumberingPlans()
    use_cases = SignInUseCases(
        sign_in=SignInService(
            desk=desk,
            store=store,
            sessions=authenticator,
            numbers=numbers,
            policy=SignInPolicy(
                kinds=kinds,
                terms=policy.sign_up,
                tier=policy.default_tier,
                language=policy.language,
            ),
            limits=limits,
            clock=clock,
            post=express.post,
            welcome=welcome.give,
            alarm=alarm,
        ),
        sessions=SessionService(sessions, authenticator, clock),
        authenticator=authenticator,
    )
    contacts = ContactAdmin(
        store,
        accounts,
        read=partial(read_identifier, kinds=kinds, numbers=numbers, terms=policy.sign_up),
        identity=desk.identity,
        forget=authenticator.forget_account,
        post=express.post,
        language=policy.language,
    )
    return SignIn(use_cases=use_cases, contacts=contacts, purge=purge_sign_in_job(codes, sessions, clock))


def _count(outcome: CodeOutcome) -> None:
    CODES.labels(outcome).inc()


def code_limits(settings: Settings) -> CodeLimits:
    given = settings.sign_in
    return CodeLimits(
        life_us=round(given.code_life_s * SECOND),
        attempts_max=given.code_attempts,
        sends_to_one=(
            Window(1, round(given.resend_after_s * SECOND)),
            Window(given.sends_to_one_per_hour, HOUR),
            Window(given.sends_to_one_per_day, DAY),
        ),
        sends_from_address=(
            Window(given.sends_from_address_per_10_minutes, 10 * MINUTE),
            Window(given.sends_from_address_per_day, DAY),
        ),
        sends_from_network=(
            Window(given.sends_from_network_per_hour, HOUR),
            Window(given.sends_from_network_per_day, DAY),
        ),
        sends_to_neighbours=(Window(given.sends_to_neighbours_per_10_minutes, 10 * MINUTE),),
        sends_of_all_per_day=given.sends_per_day,
        failures_of_one=Window(given.failures_of_one_per_day, DAY),
        failures_from_network=Window(given.failures_from_network_per_hour, HOUR),
    )


def session_limits(settings: Settings) -> SessionLimits:
    given = settings.sign_in
    return SessionLimits(
        life_us=round(given.session_life_s * SECOND), idle_us=round(given.session_idle_s * SECOND)
    )


def origins(settings: Settings) -> set[str]:
    """Where our own pages are: what is set, and where this server listens."""
    port = settings.server.port
    hosts = {settings.server.host, "127.0.0.1", "localhost"}
    return {*settings.sign_in.origins, *(f"http://{host}:{port}" for host in hosts)}
