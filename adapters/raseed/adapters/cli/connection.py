"""How a command reaches the platform: over the admin socket of a running one, else in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import grpc

from raseed.adapters.cli.output import fail
from raseed.admin.v1 import admin_pb2_grpc
from raseed.core.errors import RaseedError

CALL_TIMEOUT_S = 120.0
"""Longest wait for one call: verifying a large ledger takes the longest."""


class AdminCalls(Protocol):
    """AdminService, wherever it runs."""

    async def call(self, method: str, request: Any) -> Any: ...


class RemoteAdmin:
    def __init__(self, stub: admin_pb2_grpc.AdminServiceStub) -> None:
        self._stub = stub

    async def call(self, method: str, request: Any) -> Any:
        return await getattr(self._stub, method)(request, timeout=CALL_TIMEOUT_S)


class LocalAdmin:
    """The same servicer without a wire between."""

    def __init__(self, servicer: admin_pb2_grpc.AdminServiceServicer) -> None:
        self._servicer = servicer

    async def call(self, method: str, request: Any) -> Any:
        return await getattr(self._servicer, method)(request, None)


OpenAdmin = Callable[[], AbstractAsyncContextManager[AdminCalls]]


@asynccontextmanager
async def remote_admin(address: str) -> AsyncIterator[AdminCalls]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield RemoteAdmin(admin_pb2_grpc.AdminServiceStub(channel))


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
