"""A thin client of Triton's gRPC service. Errors are those of gRPC; `backend.py` translates them.

tritonclient's own asynchronous client is not used: it hides the final-response flag and the status of errors.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from tritonclient.grpc import service_pb2, service_pb2_grpc

FINISH_TIMEOUT_S = 1.0
"""The server answers a half-close at once; this is for one that hangs."""
FINAL_PARAMETER = "triton_final_response"
CALL_TIMEOUT_S = 2.0
"""For calls that only ask or only begin something."""
PROBE = b'{"cancel": "probe"}'
"""Answered at once by a living model, however long its queue is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TritonClientSettings:
    address: str
    """host:port of Triton's gRPC listener."""
    message_bytes_max: int = 16 * 1024 * 1024
    """Four bytes for each token of the longest context, with room to spare."""
    keepalive_interval_ms: int = 20_000
    """Notices a server that vanished without closing its connection. The server must allow it."""
    keepalive_timeout_ms: int = 10_000
    metadata: tuple[tuple[str, str], ...] = ()
    """Sent with every call, e.g. the key of restricted protocols."""

    def channel_options(self) -> list[tuple[str, Any]]:
        return [
            ("grpc.max_send_message_length", self.message_bytes_max),
            ("grpc.max_receive_message_length", self.message_bytes_max),
            ("grpc.keepalive_time_ms", self.keepalive_interval_ms),
            ("grpc.keepalive_timeout_ms", self.keepalive_timeout_ms),
            ("grpc.http2.max_pings_without_data", 0),
            # A restarted server is found again within a second, not after gRPC's two minutes.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1_000),
            # Two Tritons in one process shall not share connections by accident.
            ("grpc.use_local_subchannel_pool", 1),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelState:
    name: str
    version: str
    state: str
    """READY, LOADING, UNLOADING, UNAVAILABLE, or empty for a model that was never loaded."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamResponse:
    """One response of our tensor interface (triton_models/engine)."""

    token_ids: tuple[int, ...]
    text: str
    event: bytes
    """JSON."""
    is_final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamError:
    """A failure that Triton reports inside a stream: text without a status."""

    message: str


class TritonClient:
    """One channel to one server; HTTP/2 carries all streams. Use it from one event loop."""

    def __init__(self, settings: TritonClientSettings) -> None:
        self._metadata = settings.metadata
        self._channel = grpc.aio.insecure_channel(settings.address, options=settings.channel_options())
        self._stub: Any = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)

    async def server_ready(self, *, timeout_s: float) -> bool:
        """Whether the server and all models that it was told to load are ready. Raises AioRpcError."""
        answer = await self._stub.ServerReady(
            service_pb2.ServerReadyRequest(), timeout=timeout_s, metadata=self._metadata
        )
        return bool(answer.ready)

    async def model_ready(self, model: str, *, timeout_s: float) -> bool:
        """Raises AioRpcError."""
        answer = await self._stub.ModelReady(
            service_pb2.ModelReadyRequest(name=model), timeout=timeout_s, metadata=self._metadata
        )
        return bool(answer.ready)

    async def load(self, model: str, *, timeout_s: float) -> None:
        """Returns when the model is ready. A failed reload leaves the old instance serving. Raises AioRpcError."""
        await self._stub.RepositoryModelLoad(
            service_pb2.RepositoryModelLoadRequest(model_name=model),
            timeout=timeout_s,
            metadata=self._metadata,
        )

    async def unload(self, model: str, *, timeout_s: float) -> None:
        """Returns at once; running requests finish first, and memory is free when the index says so."""
        await self._stub.RepositoryModelUnload(
            service_pb2.RepositoryModelUnloadRequest(model_name=model),
            timeout=timeout_s,
            metadata=self._metadata,
        )

    async def index(self, *, timeout_s: float) -> list[ModelState]:
        """Every model of the repository. Raises AioRpcError."""
        answer = await self._stub.RepositoryIndex(
            service_pb2.RepositoryIndexRequest(), timeout=timeout_s, metadata=self._metadata
        )
        return [
            ModelState(name=m.name, version=m.version, state=m.state, reason=m.reason) for m in answer.models
        ]

    def stream(self, *, timeout_s: float) -> TritonStream:
        """Opens a stream for one request and its cancel. The caller must `finish` or `cancel` it."""
        return TritonStream(self._stub.ModelStreamInfer(timeout=timeout_s, metadata=self._metadata))

    async def engine_answers(self, model: str) -> bool:
        """Whether the process of a model that generates is alive. Raises AioRpcError when the server is not."""
        stream = self.stream(timeout_s=CALL_TIMEOUT_S)
        try:
            await stream.send(model, token_ids=(), request_json=PROBE)
            response = await stream.receive()
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                return False
            raise
        await stream.finish()
        return isinstance(response, StreamResponse)

    async def embed(self, model: str, rows: Sequence[Sequence[int]], *, timeout_s: float) -> list[bytes]:
        """A vector of 32-bit floats for each row of token ids. Raises AioRpcError."""
        request = encode_rows(model, rows)
        answer = await self._stub.ModelInfer(request, timeout=timeout_s, metadata=self._metadata)
        [output], [raw] = answer.outputs, answer.raw_output_contents
        size_bytes = len(raw) // output.shape[0]
        return [raw[at : at + size_bytes] for at in range(0, len(raw), size_bytes)]

    async def close(self) -> None:
        await self._channel.close()


class TritonStream:
    """One bidirectional call. `send` may be called while a `receive` waits."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def send(self, model: str, *, token_ids: Sequence[int], request_json: bytes) -> None:
        """Raises AioRpcError, or asyncio.InvalidStateError when the call has ended."""
        await self._call.write(encode_request(model, token_ids, request_json))

    async def receive(self) -> StreamResponse | StreamError | None:
        """The next response, None when the server ended the stream. Raises AioRpcError."""
        message = await self._call.read()
        return None if message is grpc.aio.EOF else decode_response(message)

    async def finish(self) -> None:
        """Ends a stream whose last request has had its final response. Bounded, never raises.

        Cancelling such a call races with Triton's own clean-up and was seen to pin the model in memory: one unload
        in four then stayed UNLOADING for ever.
        """
        try:
            async with asyncio.timeout(FINISH_TIMEOUT_S):
                await self._call.done_writing()
                while await self._call.read() is not grpc.aio.EOF:
                    pass
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError, TimeoutError):
            self._call.cancel()

    def cancel(self) -> None:
        """Gives up a stream in the middle, also on the server: leaving a loop over it would not. Idempotent."""
        self._call.cancel()


def encode_request(model: str, token_ids: Iterable[int], request_json: bytes) -> Any:
    """A ModelInferRequest of our tensor interface."""
    ids = array("i", token_ids)
    tensor = service_pb2.ModelInferRequest.InferInputTensor
    return service_pb2.ModelInferRequest(
        model_name=model,
        inputs=[
            tensor(name="input_ids", datatype="INT32", shape=[len(ids)]),
            tensor(name="request_json", datatype="BYTES", shape=[1]),
        ],
        # A BYTES element is preceded by its length, little endian, four bytes.
        raw_input_contents=[ids.tobytes(), len(request_json).to_bytes(4, "little") + request_json],
    )


def encode_rows(model: str, rows: Sequence[Sequence[int]]) -> Any:
    """A ModelInferRequest of the embedder's interface (triton_models/embedder): short rows are filled up."""
    width = max(map(len, rows))
    ids, mask = array("q"), array("q")
    for row in rows:
        fill = [0] * (width - len(row))
        ids.extend((*row, *fill))
        mask.extend([1] * len(row) + fill)
    tensor = service_pb2.ModelInferRequest.InferInputTensor
    return service_pb2.ModelInferRequest(
        model_name=model,
        inputs=[
            tensor(name=name, datatype="INT64", shape=[len(rows), width])
            for name in ("input_ids", "attention_mask")
        ],
        raw_input_contents=[ids.tobytes(), mask.tobytes()],
    )


def decode_response(message: Any) -> StreamResponse | StreamError:
    """Reads a ModelStreamInferResponse."""
    if message.error_message:
        return StreamError(message=message.error_message)
    response = message.infer_response
    raw = dict(zip((output.name for output in response.outputs), response.raw_output_contents, strict=True))
    ids = array("i", raw.get("token_ids", b""))
    return StreamResponse(
        token_ids=tuple(ids),
        text=raw.get("text_output", b"")[4:].decode(),
        event=raw.get("event", b"")[4:],
        is_final=response.parameters[FINAL_PARAMETER].bool_param
        if FINAL_PARAMETER in response.parameters
        else False,
    )
