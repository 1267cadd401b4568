"""Between workers: what each answers about the responses that it runs, and how it asks the others."""

from __future__ import annotations

import asyncio
import hmac
from typing import Any

import grpc

from raseed.adapters.content.response_record import decode_pieces, encode_pieces
from raseed.adapters.rpc.call import Behavior, current_call
from raseed.adapters.rpc.interceptors.chain import Chain, Wrap
from raseed.adapters.rpc.interceptors.errors import errors
from raseed.adapters.rpc.interceptors.observe import observe
from raseed.core.errors import CapacityError, Unauthenticated
from raseed.core.ids import AccountId
from raseed.core.inference.model import Delta
from raseed.core.responses.background import CANCEL_WAIT_S, cancel_live
from raseed.core.responses.live import LiveFollowing, LiveResponses
from raseed.core.responses.model import Keeper, ResponseId
from raseed.peers.v1 import peers_pb2 as pb
from raseed.peers.v1 import peers_pb2_grpc

CALLS_MAX = 1024
"""Of other workers at a time; each follower of a response is one."""
CANCEL_TIMEOUT_S = CANCEL_WAIT_S + 5.0
CLOSE_S = 1.0
_KEEPALIVE = (("grpc.keepalive_time_ms", 10_000), ("grpc.keepalive_timeout_ms", 5_000))
"""A machine that is gone without a word is noticed within fifteen seconds."""
_PINGS_MIN = ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000)

Context = grpc.aio.ServicerContext[Any, Any]


class PeersServicer(peers_pb2_grpc.PeersServiceServicer):
    def __init__(self, live: LiveResponses) -> None:
        self._live = live

    async def FollowResponse(self, request: pb.FollowResponseRequest, context: Context) -> None:
        live = self._live.find(AccountId(request.account_id), ResponseId(request.response_id))
        if live is None:
            return
        following = LiveFollowing(live)
        while (pieces := await following.next()) is not None:
            await context.write(pb.FollowResponseResponse(pieces=encode_pieces(pieces)))

    async def CancelResponse(
        self, request: pb.CancelResponseRequest, context: Context
    ) -> pb.CancelResponseResponse:
        live = self._live.find(AccountId(request.account_id), ResponseId(request.response_id))
        if live is not None:
            await cancel_live(live)
        return pb.CancelResponseResponse()


def peers_server(live: LiveResponses, token: str) -> grpc.aio.Server:
    """Not started and not bound."""
    server = grpc.aio.server(
        interceptors=[Chain([observe(), errors("payment_required"), _only_peers(token)])],
        options=[("grpc.so_reuseport", 0), _PINGS_MIN],
        maximum_concurrent_rpcs=CALLS_MAX,
    )
    peers_pb2_grpc.add_PeersServiceServicer_to_server(PeersServicer(live), server)
    return server


def _only_peers(token: str) -> Wrap:
    expected = f"Bearer {token}".encode()

    def wrap(_method: str, behavior: Behavior) -> Behavior:
        async def checked(request: Any, context: Context) -> Any:
            shown = current_call().metadata.get("authorization", "")
            if not hmac.compare_digest(shown.encode(), expected):
                raise Unauthenticated("This service is for workers alone.")
            return await behavior(request, context)

        return checked

    return wrap


class PeerClients:
    """Implements `core.responses.ports.Peers`. Close it."""

    def __init__(self, token: str) -> None:
        self._metadata = (("authorization", f"Bearer {token}"),)
        self._channels: dict[str, tuple[str, grpc.aio.Channel]] = {}
        """By worker: the address in its last life that was asked for, and a channel to it."""
        self._closing: set[asyncio.Task[None]] = set()

    def follow(self, keeper: Keeper, account_id: AccountId, response_id: ResponseId) -> PeerFollowing:
        request = pb.FollowResponseRequest(account_id=account_id, response_id=response_id)
        return PeerFollowing(self._stub(keeper).FollowResponse(request, metadata=self._metadata))

    async def cancel(self, keeper: Keeper, account_id: AccountId, response_id: ResponseId) -> None:
        request = pb.CancelResponseRequest(account_id=account_id, response_id=response_id)
        try:
            await self._stub(keeper).CancelResponse(
                request, metadata=self._metadata, timeout=CANCEL_TIMEOUT_S
            )
        except grpc.aio.AioRpcError as error:
            raise _unreachable() from error

    async def close(self) -> None:
        channels = [channel for _, channel in self._channels.values()]
        await asyncio.gather(*(channel.close(CLOSE_S) for channel in channels), *self._closing)

    def _stub(self, keeper: Keeper) -> peers_pb2_grpc.PeersServiceStub:
        name = keeper.owner.instance
        address, channel = self._channels.get(name, ("", None))
        if channel is None or address != keeper.address:
            if channel is not None:
                closing = asyncio.create_task(channel.close(CLOSE_S), name=f"close {address}")
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)
            channel = grpc.aio.insecure_channel(keeper.address, options=_KEEPALIVE)
            self._channels[name] = (keeper.address, channel)
        return peers_pb2_grpc.PeersServiceStub(channel)


class PeerFollowing:
    """Implements `core.responses.ports.Following` for a response of another worker."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def next(self) -> list[Delta] | None:
        try:
            answer = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise _unreachable() from error
        if answer is grpc.aio.EOF:
            return None
        return decode_pieces(answer.pieces)

    def close(self) -> None:
        self._call.cancel()


def _unreachable() -> CapacityError:
    return CapacityError(
        "The worker that runs this response cannot be reached right now. Please try again.", retry_after_s=1.0
    )
