"""The operators' services, and the server that offers them: on the admin socket, never on the public listener."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from raseed.adapters.rpc.admin import AdminServicer
from raseed.adapters.rpc.admin_audit import AuditServicer
from raseed.adapters.rpc.interceptors.chain import Chain
from raseed.adapters.rpc.interceptors.errors import errors
from raseed.adapters.rpc.interceptors.observe import observe
from raseed.adapters.rpc.listed import only_listed
from raseed.adapters.rpc.server import ServerLimits, server_options
from raseed.admin.v1 import admin_pb2_grpc, audit_pb2_grpc
from raseed.core.admin.audit_service import AuditService
from raseed.core.admin.service import AdminService
from raseed.core.idempotency import Idempotency
from raseed.core.inference.routing import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminServices:
    """The use cases of operators."""

    admin: AdminService
    audit: AuditService
    idempotency: Idempotency
    routes: Sequence[Route]


def admin_servicers(services: AdminServices) -> dict[Any, Any]:
    """Every servicer, by the function that adds it to a server."""
    return {
        admin_pb2_grpc.add_AdminServiceServicer_to_server: AdminServicer(
            services.admin, services.idempotency, services.routes
        ),
        audit_pb2_grpc.add_AuditServiceServicer_to_server: AuditServicer(services.audit),
    }


def admin_server(services: AdminServices, limits: ServerLimits) -> grpc.aio.Server:
    """Whoever can open its socket is an operator: the socket's file mode is the lock."""
    server = grpc.aio.server(
        interceptors=[Chain([observe(), errors("payment_required")])], options=server_options(limits)
    )
    for add, servicer in admin_servicers(services).items():
        add(servicer, only_listed(server))
    return server
