"""The operators' services, and the servers that offer them: on the admin socket, and behind the admin listener."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health_pb2_grpc

from raseed.adapters.rpc.admin.accounts import AccountAdminServicer
from raseed.adapters.rpc.admin.audit import AuditServicer
from raseed.adapters.rpc.admin.catalogue import CatalogueServicer
from raseed.adapters.rpc.admin.codes import CodeAdminServicer
from raseed.adapters.rpc.admin.keys import KeyAdminServicer
from raseed.adapters.rpc.admin.limits import LimitsServicer
from raseed.adapters.rpc.admin.models import ModelRepositoryServicer
from raseed.adapters.rpc.admin.notices import NoticesServicer
from raseed.adapters.rpc.admin.operators import OperatorsServicer
from raseed.adapters.rpc.admin.organisations import OrganisationAdminServicer
from raseed.adapters.rpc.admin.payments import PaymentAdminServicer
from raseed.adapters.rpc.admin.receipts import ReceiptAdminServicer
from raseed.adapters.rpc.admin.service import AdminServicer
from raseed.adapters.rpc.admin.subscriptions import SubscriptionAdminServicer
from raseed.adapters.rpc.health import HealthMonitor
from raseed.adapters.rpc.interceptors.chain import Chain, Wrap
from raseed.adapters.rpc.interceptors.deadline import deadline
from raseed.adapters.rpc.interceptors.errors import errors
from raseed.adapters.rpc.interceptors.observe import observe
from raseed.adapters.rpc.interceptors.operator_auth import local_operator, operator_auth
from raseed.adapters.rpc.interceptors.texts import texts
from raseed.adapters.rpc.listed import only_listed
from raseed.adapters.rpc.server import ServerLimits, server_options
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
from raseed.core.accounts.closing import ClosingRequests
from raseed.core.accounts.key_service import KeyService
from raseed.core.admin.account_service import AccountAdmin
from raseed.core.admin.audit_service import AuditService
from raseed.core.admin.broadcasts import BroadcastService
from raseed.core.admin.contact_service import ContactAdmin
from raseed.core.admin.erasure import ErasureService
from raseed.core.admin.export import ExportService
from raseed.core.admin.limit_service import LimitAdmin
from raseed.core.admin.operator_service import OperatorAuthenticator, OperatorService
from raseed.core.admin.organisation_admin import OrganisationAdmin
from raseed.core.admin.service import AdminService
from raseed.core.billing.policy import Policy
from raseed.core.clock import Clock
from raseed.core.idempotency import Idempotency
from raseed.core.inference.routing import Route
from raseed.core.models.service import ModelService
from raseed.core.payments.administration import PaymentAdmin
from raseed.core.payments.code_admin import CodeAdmin
from raseed.core.payments.receipt_service import ReceiptService
from raseed.core.payments.subscriptions import Subscriptions
from raseed.models.v1 import models_pb2_grpc


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminServices:
    """The use cases of operators."""

    admin: AdminService
    accounts: AccountAdmin
    contacts: ContactAdmin
    closings: ClosingRequests
    export: ExportService
    erasure: ErasureService
    organisations: OrganisationAdmin
    limits: LimitAdmin
    keys: KeyService
    audit: AuditService
    operators: OperatorService
    broadcasts: BroadcastService
    receipts: ReceiptService
    codes: CodeAdmin
    plans: Subscriptions
    payments: PaymentAdmin
    policy: Policy
    clock: Clock
    models: ModelService
    idempotency: Idempotency
    routes: Sequence[Route]


def admin_servicers(services: AdminServices) -> dict[Any, Any]:
    """Every servicer, by the function that adds it to a server."""
    return {
        admin_pb2_grpc.add_AdminServiceServicer_to_server: AdminServicer(
            services.admin, services.accounts, services.idempotency, services.routes
        ),
        account_admin_pb2_grpc.add_AccountAdminServiceServicer_to_server: AccountAdminServicer(
            services.accounts,
            services.contacts,
            services.closings,
            services.export,
            services.erasure,
            services.admin,
        ),
        organisations_pb2_grpc.add_OrganisationAdminServiceServicer_to_server: OrganisationAdminServicer(
            services.organisations
        ),
        limits_pb2_grpc.add_LimitsServiceServicer_to_server: LimitsServicer(services.limits),
        key_admin_pb2_grpc.add_KeyAdminServiceServicer_to_server: KeyAdminServicer(services.keys),
        audit_pb2_grpc.add_AuditServiceServicer_to_server: AuditServicer(services.audit),
        operators_pb2_grpc.add_OperatorsServiceServicer_to_server: OperatorsServicer(services.operators),
        notices_pb2_grpc.add_NoticesServiceServicer_to_server: NoticesServicer(services.broadcasts),
        receipts_pb2_grpc.add_ReceiptAdminServiceServicer_to_server: ReceiptAdminServicer(services.receipts),
        codes_pb2_grpc.add_CodeAdminServiceServicer_to_server: CodeAdminServicer(services.codes),
        subscriptions_pb2_grpc.add_SubscriptionAdminServiceServicer_to_server: SubscriptionAdminServicer(
            services.plans
        ),
        payments_pb2_grpc.add_PaymentAdminServiceServicer_to_server: PaymentAdminServicer(services.payments),
        models_pb2_grpc.add_ModelRepositoryServiceServicer_to_server: ModelRepositoryServicer(
            services.models
        ),
        catalogue_pb2_grpc.add_CatalogueServiceServicer_to_server: CatalogueServicer(
            services.policy, services.clock
        ),
    }


def socket_server(services: AdminServices, limits: ServerLimits) -> grpc.aio.Server:
    """Whoever can open its socket is an operator: the socket's file mode is the lock."""
    return _server(services, limits, [observe(), errors("payment_required"), local_operator()])


def listener_server(
    services: AdminServices,
    limits: ServerLimits,
    authenticator: OperatorAuthenticator,
    health: HealthMonitor,
) -> grpc.aio.Server:
    """Behind the admin listener: every call shows an admin key."""
    server = _server(
        services, limits, [observe(), errors("payment_required"), deadline(), operator_auth(authenticator)]
    )
    health_pb2_grpc.add_HealthServicer_to_server(health.servicer, server)
    return server


def _server(services: AdminServices, limits: ServerLimits, wraps: Sequence[Wrap]) -> grpc.aio.Server:
    server = grpc.aio.server(
        interceptors=[Chain([*wraps, texts()])],
        options=server_options(limits),
        maximum_concurrent_rpcs=limits.concurrent_rpcs_max,
    )
    for add, servicer in admin_servicers(services).items():
        add(servicer, only_listed(server))
    return server
