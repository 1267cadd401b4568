"""What operators are served, of the parts of the platform."""

from __future__ import annotations

from collections.abc import Sequence

from raseed.adapters.rpc.admin.server import AdminServices
from raseed.app.bootstrap import Platform
from raseed.core.admin.limit_service import LimitAdmin
from raseed.core.inference.routing import Route
from raseed.core.payments.administration import PaymentAdmin


def admin_services(platform: Platform, routes: Sequence[Route]) -> AdminServices:
    """On the admin socket, on the operators' listener, and of the CLI on a stopped system."""
    return AdminServices(
        admin=platform.admin,
        accounts=platform.account_admin,
        codes=platform.redemptions.admin,
        plans=platform.payments.subscriptions,
        contacts=platform.sign_in.contacts,
        closings=platform.closings,
        export=platform.export,
        erasure=platform.erasure,
        organisations=platform.organisations.admin,
        limits=LimitAdmin(platform.accounts, platform.policy.tiers),
        keys=platform.keys,
        audit=platform.audit,
        operators=platform.operators,
        broadcasts=platform.broadcast_service,
        payments=PaymentAdmin(
            platform.payments.store,
            platform.accounts,
            platform.payments.settling,
            platform.payments.refunds,
            platform.payments.comparing,
            list(platform.payments.gateways.values()),
            platform.payments.inbox,
            platform.database.clock,
        ),
        models=platform.models.service,
        receipts=platform.receipts.service,
        policy=platform.policy,
        clock=platform.database.clock,
        idempotency=platform.idempotency,
        routes=routes,
    )
