"""Servers whose every method has a row in the table of access: what nobody has decided is not even registered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import grpc

from raseed.adapters.rpc.access import check_listed


class _Listed:
    """The part of a server that generated code adds servicers to."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[Any]) -> None:
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        check_listed(f"{service}/{method}" for method in handlers)
        self._server.add_registered_method_handlers(service, handlers)


def only_listed(server: grpc.aio.Server) -> grpc.aio.Server:
    """To add servicers to in the server's place: raises UnlistedMethod for a method without a row."""
    return cast("grpc.aio.Server", _Listed(server))
