"""How a command reaches the platform: over the admin socket of a running one, else in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import grpc

from raseed.adapters.cli.output import fail
from raseed.admin.v1 import admin_pb2_grpc, audit_pb2_grpc, operators_pb2_grpc
from raseed.core.errors import RaseedError

CALL_TIMEOUT_S = 120.0
"""Longest wait for one call: verifying a large ledger takes the longest."""
STUBS: tuple[Callable[[grpc.aio.Channel], object], ...] = (
    admin_pb2_grpc.AdminServiceStub,
    audit_pb2_grpc.AuditServiceStub,
    operators_pb2_grpc.OperatorsServiceStub,
)


class AdminCalls(Protocol):
    """The operators' services, wherever they run. No two of them have a method of the same name."""

    async def call(self, method: str, request: Any) -> Any: ...


class RemoteAdmin:
    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stubs = [stub(channel) for stub in STUBS]

    async def call(self, method: str, request: Any) -> Any:
        return await _method(self._stubs, method)(request, timeout=CALL_TIMEOUT_S)


class LocalAdmin:
    """The same servicers without a wire between."""

    def __init__(self, servicers: Iterable[object]) -> None:
        self._servicers = list(servicers)

    async def call(self, method: str, request: Any) -> Any:
        return await _method(self._servicers, method)(request, None)


def _method(services: Iterable[object], name: str) -> Any:
    return next(getattr(service, name) for service in services if hasattr(service, name))


OpenAdmin = Callable[[], AbstractAsyncContextManager[AdminCalls]]


@asynccontextmanager
async def remote_admin(address: str) -> AsyncIterator[AdminCalls]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield RemoteAdmin(channel)


def run_command(open_admin: OpenAdmin, command: Callable[[AdminCalls], Awaitable[None]]) -> None:
    """Run one command; every failure is one line and an exit status."""

    async def run() -> None:
        async with open_admin() as admin:
            await command(admin)

    try:
        asyncio.run(run())
    except RaseedError as error:
        fail(error.message)
    except grpc.aio.AioRpcError as error:
        fail(_text_of(error))


def _text_of(error: grpc.aio.AioRpcError) -> str:
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return "the running stack does not answer on its admin socket; is it stopping?"
    return error.details() or error.code().name
