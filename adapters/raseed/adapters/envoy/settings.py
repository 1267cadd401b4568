"""What can be set at the edge, and every limit of it with its reason."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024
KIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorListener:
    """Where operators' services are offered, to those who show an admin key."""

    host: str
    port: int
    core_addresses: tuple[str, ...]
    """`host:port` of each core worker's own server for operators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSettings:
    """Everything that the rendered configuration depends on, beside the files in `EdgeAssets`."""

    core_addresses: tuple[str, ...]
    """`host:port` of each core worker. All must be IP addresses, or all names."""
    host: str = "127.0.0.1"
    """Address of the public listener."""
    port: int = 8080
    """Port of the public listener, HTTP/1.1, h2c and gRPC alike. 0 takes a free one."""
    operators: OperatorListener | None = None
    """The second listener. None: there is none."""
    admin_socket: str | None = None
    """Path of Envoy's admin socket (mode 0600, at most 107 bytes). None: a free loopback port."""
    access_log: str | None = None
    """File of one JSON line per request, without query strings and credentials. None: no log."""
    trusted_proxy_count: int = 0
    """Proxies of ours in front of this one. What `x-forwarded-for` says beyond them is not believed; with 0 the
    header is replaced by the peer's address."""
    production: bool = False
    """Whether reflection is kept from the public listener."""

    json_body_bytes_max: int = 4 * MIB
    """Largest body of a JSON route. The longest conversations of today's clients are below 2 MiB; more would be
    memory that a caller takes before anybody has looked at the request."""
    media_body_bytes_max: int = 32 * MIB
    """Largest body of a JSON route whose prompts may have images, audio and files in them. What is beside those is held to
    `json_body_bytes_max` by the core, which alone can tell."""
    open_body_bytes_max: int = 16 * KIB
    """Largest body that says so of a route which needs no credential. A letter to the operators has 900 characters; with
    each of them escaped that is some 11 KiB. The core refuses one of unknown length."""
    buffer_bytes: int = 64 * KIB
    """Soft limit of each buffer of a connection or a stream: one flow-control window, so that a slow reader stops
    the model's stream instead of filling memory. Routes that need a whole body have `json_body_bytes_max`."""
    request_header_kib_max: int = 32
    """All headers of a request. A key, a few dozen SDK headers and a long path fit many times."""
    header_count_max: int = 100
    """Headers of a request; the official SDKs send about 20."""
    connection_count_max: int = 4096
    """Open client connections; above it new ones are closed at once. Half of a file limit of 8,192."""
    stream_count_max: int = 100
    """Concurrent HTTP/2 streams of one client connection: a client that needs more opens another connection."""
    heap_bytes_max: int = 1024 * MIB
    """Envoy's memory; near it streams with large buffers are reset and new requests are refused with 503."""

    header_timeout_s: float = 10
    """From the first byte of a request to the end of its headers. Ends slow-loris connections."""
    request_timeout_s: float = 30
    """From the first byte of a request to the end of its body: 4 MiB over 1.2 Mbit/s."""
    stream_idle_timeout_s: float = 660
    """Longest silence of a stream. An answer that is not streamed is silent until it is complete; the core ends
    it after 600 s and must be the first to say so."""
    stream_duration_max_s: float = 3600
    """Longest stream, the last wall: nothing of ours runs for an hour."""
    connection_idle_timeout_s: float = 300
    """A connection without requests. Above the keep-alive of usual client pools (60 to 90 s), so that they close
    first and no request meets a closing connection."""
    connect_timeout_s: float = 1
    """Connecting to a core worker: on one machine it takes less than a millisecond or it fails."""
    drain_timeout_s: float = 5
    """After GOAWAY, how long a client connection may still open streams."""

    health_interval_s: float = 0.5
    """Between two health checks of a core worker: a worker that stops is out of rotation within about a second."""
    health_timeout_s: float = 2
    """One health check. A worker whose loop is blocked for 2 s has failed it."""
    health_failure_count_max: int = 2
    """Unanswered health checks until a worker is out of rotation: one may be an accident of a busy machine."""

    upstream_connection_count_max: int = 256
    """Connections to all core workers. One carries `upstream_stream_count_max` streams."""
    upstream_pending_count_max: int = 1024
    """Requests that wait for a connection; more are refused with 503 instead of queueing unseen."""
    upstream_request_count_max: int = 4096
    """Requests in progress; the core's own admission refuses long before."""
    upstream_retry_count_max: int = 16
    """Retries in progress (GET only, and only when the request never reached a worker)."""
    upstream_stream_count_max: int = 200
    """Streams on one core connection; times `buffer_bytes` it must fit `upstream_connection_window_bytes`."""
    upstream_connection_window_bytes: int = 16 * MIB
    """Flow-control window of a core connection. Slow readers keep their stream's window taken; the sum of all
    streams' windows must fit, or a few of them would stop everybody on the connection."""
    retry_after_s: int = 1
    """`retry-after` of a 503 that Envoy answers: a worker restarts in about that time."""

    @property
    def grpc_message_bytes_max(self) -> int:
        """What the transcoder and the core must take as one message: the largest body, and room for its envelope."""
        return max(self.json_body_bytes_max, self.media_body_bytes_max) + 64 * KIB

    def __post_init__(self) -> None:
        if self.upstream_stream_count_max * self.buffer_bytes > self.upstream_connection_window_bytes:
            raise ValueError("upstream_connection_window_bytes does not hold every stream's buffer_bytes")
        if self.admin_socket is not None and len(self.admin_socket.encode()) > 107:
            raise ValueError("admin_socket is longer than the 107 bytes of a socket path")
