"""The door of a method: what it asks for is what the table says, and what is not in the table is closed."""

from typing import Any

import grpc
import pytest

from raseed.adapters.rpc.access import ACCESS, Access, Credential, UnlistedMethod, check_listed
from raseed.adapters.rpc.call import Call, current_call, enter_call
from raseed.adapters.rpc.cookies import SESSION_COOKIE
from raseed.adapters.rpc.interceptors.auth import auth, credential_of
from raseed.core.accounts.keys import SESSION_PREFIX
from raseed.core.accounts.model import Caller, Tier
from raseed.core.accounts.ports import PresentedSession
from raseed.core.accounts.scopes import (
    KEPT_SCOPES_OF,
    KEY_DEFAULT,
    KEY_SCOPES_OF,
    OWN_ACCOUNT,
    SCOPES_OF,
    Role,
    Scope,
)
from raseed.core.errors import PermissionDenied, RequestInvalid, ScopeMissing, Unauthenticated
from raseed.core.ids import AccountId, ApiKeyId, SessionId

LIST_MODELS = "/raseed.inference.v1.InferenceService/ListModels"
CHAT = "/raseed.inference.v1.InferenceService/CreateChatCompletion"
PLACE_HOLD = "/raseed.metering.v1.MeteringService/PlaceHold"
KEY = "rsd_live_something"
SESSION = f"{SESSION_PREFIX}something"


class Keys:
    """Stands for the authenticator: every key is one of these scopes."""

    def __init__(self, scopes: frozenset[Scope]) -> None:
        self._scopes = scopes

    async def authenticate(self, _credential: str, _address: str | None) -> Caller:
        return Caller(
            account_id=AccountId("acct_a"), api_key_id=ApiKeyId("key_1"), tier=Tier.FREE, scopes=self._scopes
        )


class Sessions:
    """Every session is one of an owner."""

    def __init__(self) -> None:
        self.asked: list[tuple[PresentedSession, bool]] = []

    async def resolve(self, presented: PresentedSession, *, changes: bool) -> Caller:
        self.asked.append((presented, changes))
        return Caller(
            account_id=AccountId("acct_a"), session_id=SessionId("sess_1"), tier=Tier.FREE, scopes=OWN_ACCOUNT
        )


async def enter(
    method: str,
    metadata: dict[str, str],
    scopes: frozenset[Scope] = KEY_DEFAULT,
    sessions: Any = None,
) -> Caller:
    """Who stands behind the door. Raises what the door says."""

    async def behavior(_request: Any, _context: grpc.aio.ServicerContext[Any, Any]) -> Caller:
        return current_call().caller

    enter_call(Call(method=method, metadata=metadata, request_id="req_1"))
    keys: Any = Keys(scopes)
    nothing: Any = None
    caller: Caller = await auth(keys, sessions or Sessions())(method, behavior)(nothing, nothing)
    return caller


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


async def test_a_key_with_the_scope_enters():
    assert (await enter(LIST_MODELS, bearer(KEY))).api_key_id == "key_1"


async def test_a_key_without_the_scope_learns_its_name():
    with pytest.raises(ScopeMissing, match="API key lacks the scope `models:read`") as refused:
        await enter(LIST_MODELS, bearer(KEY), scopes=frozenset({Scope.INFERENCE}))
    assert refused.value.metadata == {"scope": "models:read"}


async def test_metering_is_for_keys_that_were_told_and_for_no_session():
    with pytest.raises(ScopeMissing):
        await enter(PLACE_HOLD, bearer(KEY))
    await enter(PLACE_HOLD, bearer(KEY), scopes=frozenset({Scope.METERING_WRITE}))
    with pytest.raises(PermissionDenied, match="use an API key"):
        await enter(PLACE_HOLD, bearer(SESSION), sessions=Sessions())


async def test_nobody_enters_without_a_credential():
    with pytest.raises(Unauthenticated, match="did not provide an API key"):
        await enter(LIST_MODELS, {})


@pytest.mark.parametrize(
    "method",
    ["/raseed.admin.v1.AdminService/GrantCredits", "/raseed.inference.v1.InferenceService/Forgotten"],
)
async def test_a_method_of_operators_or_of_nobody_is_closed_to_every_credential(method: str):
    for metadata in (bearer(KEY), bearer(SESSION), {}):
        with pytest.raises(PermissionDenied):
            await enter(method, metadata, scopes=frozenset(Scope), sessions=Sessions())


async def test_a_session_is_resolved_with_what_its_request_showed():
    sessions = Sessions()
    shown = {
        "cookie": f"a=b; __Host-raseed_session={SESSION}",
        "origin": "https://a.example",
        "x-csrf-token": "t",
    }
    assert (await enter(CHAT, shown, sessions=sessions)).session_id == "sess_1"
    await enter(LIST_MODELS, bearer(SESSION), sessions=sessions)
    [(cookie, chat_changes), (header, list_changes)] = sessions.asked
    assert cookie == PresentedSession(
        token=SESSION, is_cookie=True, csrf_token="t", origin="https://a.example"
    )
    assert header == PresentedSession(token=SESSION, is_cookie=False)
    assert (chat_changes, list_changes) == (True, False)


def test_the_same_credential_twice_is_one_and_two_are_refused():
    assert credential_of({**bearer(KEY), "x-api-key": KEY}).text == KEY
    with pytest.raises(RequestInvalid, match="Two different"):
        credential_of({**bearer(KEY), "x-api-key": f"{KEY}x"})


def test_what_a_program_sends_counts_before_what_a_browser_adds():
    both = credential_of({"x-api-key": KEY, "cookie": f"__Host-raseed_session={SESSION}"})
    assert (both.kind, both.text) == (Credential.API_KEY, KEY)


@pytest.mark.parametrize(
    "others", ['x={"a": [1, 2]}; ', 'x="; ', "; =; ;", f"x{SESSION_COOKIE}=1; ", "é=ü; "]
)
def test_odd_cookies_of_others_hide_no_session(others: str):
    header = f"{others}{SESSION_COOKIE}={SESSION}; y={{}}"
    assert credential_of({"cookie": header}).text == SESSION


def test_a_cookie_of_another_name_is_no_session():
    for cookie in ("raseed_session=x", "x__Host-raseed_session=", "__Host-raseed_session", "=;;="):
        with pytest.raises(Unauthenticated):
            credential_of({"cookie": cookie})


def test_an_unlisted_method_stops_the_start():
    check_listed(ACCESS)
    with pytest.raises(UnlistedMethod, match=r"a\.B/C"):
        check_listed(["a.B/C", *ACCESS])


def test_reading_is_what_ends_in_read():
    assert not Access(frozenset(), Scope.USAGE_READ).changes
    assert Access(frozenset(), Scope.INFERENCE).changes
    assert Access(frozenset()).changes


def test_roles_are_nested_and_the_owner_has_all_but_what_operators_give():
    assert SCOPES_OF.keys() == set(Role)
    assert SCOPES_OF[Role.OWNER] == OWN_ACCOUNT == set(Scope) - {Scope.METERING_WRITE}
    for role in Role:
        assert Scope.METERING_WRITE not in SCOPES_OF[role] | KEY_SCOPES_OF[role]
        assert (Scope.METERING_WRITE in KEPT_SCOPES_OF[role]) == (role in (Role.OWNER, Role.ADMIN))
        assert SCOPES_OF[role] <= SCOPES_OF[Role.OWNER]
        assert (Scope.MEMBERS_WRITE in SCOPES_OF[role]) == (role in (Role.OWNER, Role.ADMIN))
        assert (Scope.KEYS_WRITE in SCOPES_OF[role]) == (role is not Role.BILLING)
    assert Scope.BILLING_WRITE not in SCOPES_OF[Role.MEMBER]
    assert Scope.INFERENCE not in SCOPES_OF[Role.BILLING]
