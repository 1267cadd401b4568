"""How a command reaches the platform: over the admin socket of a running one, in this process, or by its admin listener."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import grpc
from grpc_status import rpc_status

from raseed.adapters.cli.output import fail
from raseed.admin.v1 import (
    account_admin_pb2_grpc,
    admin_pb2_grpc,
    audit_pb2_grpc,
    catalogue_pb2_grpc,
    codes_pb2_grpc,
    key_admin_pb2_grpc,
    limits_pb2_grpc,
    notices_pb2_grpc,
    operators_pb2_grpc,
    organisations_pb2_grpc,
    payments_pb2_grpc,
    receipts_pb2_grpc,
    subscriptions_pb2_grpc,
)
from raseed.core.errors import RaseedError
from raseed.models.v1 import models_pb2_grpc

CALL_TIMEOUT_S = 120.0
"""Longest wait for one call: verifying a large ledger takes the longest."""
STUBS: tuple[Callable[[grpc.aio.Channel], object], ...] = (
    admin_pb2_grpc.AdminServiceStub,
    account_admin_pb2_grpc.AccountAdminServiceStub,
    limits_pb2_grpc.LimitsServiceStub,
    key_admin_pb2_grpc.KeyAdminServiceStub,
    audit_pb2_grpc.AuditServiceStub,
    operators_pb2_grpc.OperatorsServiceStub,
    notices_pb2_grpc.NoticesServiceStub,
    catalogue_pb2_grpc.CatalogueServiceStub,
    codes_pb2_grpc.CodeAdminServiceStub,
    organisations_pb2_grpc.OrganisationAdminServiceStub,
    receipts_pb2_grpc.ReceiptAdminServiceStub,
    subscriptions_pb2_grpc.SubscriptionAdminServiceStub,
    payments_pb2_grpc.PaymentAdminServiceStub,
    models_pb2_grpc.ModelRepositoryServiceStub,
)


class AdminCalls(Protocol):
    """The operators' services, wherever they run. No two of them have a method of the same name."""

    async def call(self, method: str, request: Any) -> Any: ...


class Unreachable(Exception):
    """Nobody answers there. The message is for the operator."""


class RemoteAdmin:
    def __init__(self, channel: grpc.aio.Channel, place: str = "", key: str = "") -> None:
        self._stubs = [stub(channel) for stub in STUBS]
        self._place = place
        self._metadata = (("authorization", f"Bearer {key}"),) if key else ()

    async def call(self, method: str, request: Any) -> Any:
        """Raises Unreachable, AioRpcError."""
        try:
            return await _method(self._stubs, method)(
                request, timeout=CALL_TIMEOUT_S, metadata=self._metadata
            )
        except grpc.aio.AioRpcError as error:
            # What the platform says itself has details.
            if error.code() is grpc.StatusCode.UNAVAILABLE and rpc_status.from_call(error) is None:  # type: ignore[arg-type]
                raise Unreachable(f"{self._place} does not answer; is the platform stopping?") from error
            raise


class LocalAdmin:
    """The same servicers without a wire between."""

    def __init__(self, servicers: Iterable[object]) -> None:
        self._servicers = list(servicers)

    async def call(self, method: str, request: Any) -> Any:
        return await _method(self._servicers, method)(request, None)


def _method(services: Iterable[object], name: str) -> Any:
    return next(getattr(service, name) for service in services if hasattr(service, name))


OpenAdmin = Callable[[], AbstractAsyncContextManager[AdminCalls]]


def socket_admin(address: str) -> AbstractAsyncContextManager[AdminCalls]:
    channel = grpc.aio.insecure_channel(address)
    return _opened(channel, RemoteAdmin(channel, "the admin socket of the running stack"))


def listener_admin(server: str, key: str) -> AbstractAsyncContextManager[AdminCalls]:
    """By the admin listener. Raises ValueError for an address that is none, or would show the key to others."""
    channel = _channel(server)
    return _opened(channel, RemoteAdmin(channel, server, key))


@asynccontextmanager
async def _opened(channel: grpc.aio.Channel, admin: RemoteAdmin) -> AsyncIterator[AdminCalls]:
    async with channel:
        yield admin


def _channel(server: str) -> grpc.aio.Channel:
    """`https://host:port` is encrypted. Without, the key is sent only to this machine, or where `http://` is written."""
    parts = urlsplit(server if "://" in server else f"//{server}")
    if parts.scheme == "https":
        return grpc.aio.secure_channel(parts.netloc, grpc.ssl_channel_credentials())
    if parts.scheme not in ("", "http") or not parts.hostname or parts.path:
        raise ValueError(f"{server!r} is not an address: host:port, or https://host:port")
    if not parts.scheme and not _is_loopback(parts.hostname):
        raise ValueError(
            f"{server} is not this machine: write https:// before it (or http://, to send the key unencrypted)"
        )
    return grpc.aio.insecure_channel(parts.netloc)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_admin_key(path: Path) -> str:
    """Raises ValueError for a file that others may read, OSError."""
    if path.stat().st_mode & 0o077:
        raise ValueError(f"{path} can be read by others than its owner; run: chmod 600 {path}")
    return path.read_text(encoding="utf-8").strip()


def run_command(open_admin: OpenAdmin, command: Callable[[AdminCalls], Awaitable[None]]) -> None:
    """Run one command; every failure is one line and an exit status."""

    async def run() -> None:
        async with open_admin() as admin:
            await command(admin)

    try:
        asyncio.run(run())
    except RaseedError as error:
        fail(error.message)
    except Unreachable as error:
        fail(str(error))
    except grpc.aio.AioRpcError as error:
        fail(error.details() or error.code().name)
