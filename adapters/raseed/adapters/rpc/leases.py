"""Models kept in memory for other workers: the owner's side, and theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc

from raseed.core.errors import BackendUnavailable, Overloaded
from raseed.core.models.ports import ModelOwner
from raseed.peers.v1 import leases_pb2 as pb
from raseed.peers.v1 import leases_pb2_grpc

LEASES_MAX = 16_384
"""Calls at a time: each request of every other worker is one."""
LOCAL_RETRY_S = 1.0
"""An owner that is gone is started again within about this time."""

Context = grpc.aio.ServicerContext[Any, Any]


class LeasesServicer(leases_pb2_grpc.LeasesServiceServicer):
    def __init__(self, owner: ModelOwner) -> None:
        self._owner = owner

    async def HoldModel(self, request: pb.HoldModelRequest, context: Context) -> None:
        try:
            release = await self._owner.lease(request.triton_name)
        except (Overloaded, BackendUnavailable) as error:
            refusal = pb.LeaseRefusal(
                message=error.message,
                retry_after_s=error.retry_after_s,
                is_overloaded=isinstance(error, Overloaded),
            )
            await context.write(pb.HoldModelResponse(refusal=refusal))
            return
        try:
            await context.write(pb.HoldModelResponse())
            await asyncio.Event().wait()  # the caller ends the call, which cancels this
        finally:
            release()

    async def SuspectModel(
        self, request: pb.SuspectModelRequest, context: Context
    ) -> pb.SuspectModelResponse:
        self._owner.suspect(request.triton_name)
        return pb.SuspectModelResponse()


def leases_server(owner: ModelOwner) -> grpc.aio.Server:
    """Not started and not bound."""
    server = grpc.aio.server(maximum_concurrent_rpcs=LEASES_MAX)
    leases_pb2_grpc.add_LeasesServiceServicer_to_server(LeasesServicer(owner), server)
    return server


class RemoteOwner:
    """The owner in another worker. Close it."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(
            address,
            options=[("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1_000)],
        )
        self._stub = leases_pb2_grpc.LeasesServiceStub(self._channel)
        self._told: set[asyncio.Task[None]] = set()

    async def lease(self, name: str, wait_s: float | None = None) -> Callable[[], None]:
        """As `Keeper.lease`; the owner's own bound holds beside `wait_s`."""
        call: Any = self._stub.HoldModel(pb.HoldModelRequest(triton_name=name))
        try:
            async with asyncio.timeout(wait_s):
                answer = await call.read()
        except BaseException as error:
            call.cancel()
            if isinstance(error, grpc.aio.AioRpcError | TimeoutError):
                raise _gone() from error
            raise
        if answer is grpc.aio.EOF:
            raise _gone()
        if answer.HasField("refusal"):
            refusal = answer.refusal
            call.cancel()
            kind = Overloaded if refusal.is_overloaded else BackendUnavailable
            raise kind(
                refusal.message,
                retry_after_s=refusal.retry_after_s if refusal.HasField("retry_after_s") else None,
            )

        def release() -> None:
            call.cancel()

        return release

    def suspect(self, name: str) -> None:
        task = asyncio.get_running_loop().create_task(self._suspect(name), name=f"suspect {name}")
        self._told.add(task)
        task.add_done_callback(self._told.discard)

    async def close(self) -> None:
        await self._channel.close()

    async def _suspect(self, name: str) -> None:
        try:
            await self._stub.SuspectModel(pb.SuspectModelRequest(triton_name=name), timeout=LOCAL_RETRY_S)
        except grpc.aio.AioRpcError:
            return  # an owner that is gone begins with an empty node anyway


def _gone() -> BackendUnavailable:
    return BackendUnavailable(
        "The model is not available at the moment. Please try again.", retry_after_s=LOCAL_RETRY_S
    )
