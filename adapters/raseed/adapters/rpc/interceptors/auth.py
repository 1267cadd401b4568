"""Who is calling: one resolver for every credential header and every method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc

from raseed.adapters.rpc.call import Behavior, current_call
from raseed.adapters.rpc.interceptors.chain import Wrap
from raseed.core.accounts.service import Authenticator
from raseed.core.errors import RequestInvalid, Unauthenticated

BEARER = "bearer "


def auth(authenticator: Authenticator) -> Wrap:
    """Every method behind it needs a valid API key."""

    def wrap(_method: str, behavior: Behavior) -> Behavior:
        async def authenticated(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            call = current_call()
            call.caller = await authenticator.authenticate(credential_of(call.metadata))
            return await behavior(request, context)

        return authenticated

    return wrap


def credential_of(metadata: Mapping[str, str]) -> str:
    """The one credential of a call. Raises Unauthenticated for none, RequestInvalid for two that differ."""
    authorization = metadata.get("authorization", "")
    bearer = authorization[len(BEARER) :].strip() if authorization[: len(BEARER)].lower() == BEARER else ""
    api_key = metadata.get("x-api-key", "").strip()
    if bearer and api_key and bearer != api_key:
        raise RequestInvalid("Two different API keys were sent: use Authorization or x-api-key, not both.")
    credential = bearer or api_key
    if not credential:
        raise Unauthenticated(
            "You did not provide an API key. Send it in the Authorization header: "
            "`Authorization: Bearer YOUR_KEY`."
        )
    return credential
