"""Who acts on the admin plane, and whether he may: by an admin key, or by the socket that the call came in by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc

from raseed.adapters.rpc.access import Credential, access_of
from raseed.adapters.rpc.call import Behavior, check_once, current_call
from raseed.adapters.rpc.interceptors.chain import Wrap
from raseed.core.admin.operator_service import OperatorAuthenticator
from raseed.core.admin.operators import LOCAL_SOCKET
from raseed.core.errors import PermissionDenied, ScopeMissing, Unauthenticated

_BEARER = "bearer "


def local_operator() -> Wrap:
    """For the admin socket, whose file mode is the lock: whoever may open it may do everything."""

    def wrap(_method: str, behavior: Behavior) -> Behavior:
        async def local(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            current_call().operator = LOCAL_SOCKET
            return await behavior(request, context)

        return local

    return wrap


def operator_auth(authenticator: OperatorAuthenticator) -> Wrap:
    """Every method behind it needs an admin key with the scope of its row, or raises Unauthenticated, ScopeMissing."""

    def wrap(method: str, behavior: Behavior) -> Behavior:
        access = access_of(method)

        async def authenticated(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            if access is None or access.scope is None or Credential.OPERATOR not in access.credentials:
                raise PermissionDenied("This method may not be called.")
            call = current_call()
            check_once(call)
            operator = await authenticator.authenticate(_admin_key(call.metadata))
            if access.scope not in operator.scopes:
                raise ScopeMissing(
                    f"This admin key lacks the scope `{access.scope}`.",
                    metadata={"scope": access.scope.value},
                )
            call.operator = operator
            return await behavior(request, context)

        return authenticated

    return wrap


def _admin_key(metadata: Mapping[str, str]) -> str:
    authorization = metadata.get("authorization", "")
    if authorization[: len(_BEARER)].lower() != _BEARER:
        raise Unauthenticated(
            "You did not provide an admin key. Send it in the metadata: `authorization: Bearer YOUR_KEY`."
        )
    return authorization[len(_BEARER) :].strip()
