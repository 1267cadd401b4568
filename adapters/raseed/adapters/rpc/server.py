"""The public gRPC server of a core worker, behind Envoy."""

from __future__ import annotations

from dataclasses import dataclass

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from raseed.accounts.v1 import (
    accounts_pb2,
    accounts_pb2_grpc,
    enquiries_pb2,
    enquiries_pb2_grpc,
    notices_pb2,
    notices_pb2_grpc,
    organisations_pb2,
    organisations_pb2_grpc,
    own_data_pb2,
    own_data_pb2_grpc,
)
from raseed.accounts.v1 import auth_pb2 as accounts_auth_pb2
from raseed.accounts.v1 import auth_pb2_grpc as accounts_auth_pb2_grpc
from raseed.adapters.rpc.accounts import AccountsServicer
from raseed.adapters.rpc.auth import AuthServicer, SignInUseCases
from raseed.adapters.rpc.billing import BillingServicer
from raseed.adapters.rpc.enquiries import EnquiriesRestServicer, EnquiriesServicer
from raseed.adapters.rpc.forms import Forms
from raseed.adapters.rpc.health import HealthMonitor
from raseed.adapters.rpc.inference import InferenceServicer
from raseed.adapters.rpc.interceptors.auth import auth
from raseed.adapters.rpc.interceptors.bodies import bodies
from raseed.adapters.rpc.interceptors.chain import Chain
from raseed.adapters.rpc.interceptors.deadline import deadline
from raseed.adapters.rpc.interceptors.errors import errors
from raseed.adapters.rpc.interceptors.limits import limits as within_limits
from raseed.adapters.rpc.interceptors.observe import observe
from raseed.adapters.rpc.interceptors.texts import texts
from raseed.adapters.rpc.listed import only_listed
from raseed.adapters.rpc.metering import MeteringServicer
from raseed.adapters.rpc.notices import NoticesRestServicer, NoticesServicer
from raseed.adapters.rpc.organisations import OrganisationsServicer
from raseed.adapters.rpc.own_data import OwnDataRestServicer, OwnDataServicer
from raseed.adapters.rpc.payments import PaymentsServicer
from raseed.adapters.rpc.receipts import ReceiptsServicer
from raseed.adapters.rpc.redemption import RedemptionRestServicer, RedemptionServicer
from raseed.adapters.rpc.responses import ResponsesServicer
from raseed.adapters.rpc.rest.anthropic import AnthropicServicer
from raseed.adapters.rpc.rest.auth import AuthRestServicer
from raseed.adapters.rpc.rest.billing import BillingRestServicer
from raseed.adapters.rpc.rest.keys import KeysRestServicer
from raseed.adapters.rpc.rest.openai import OpenAIServicer
from raseed.adapters.rpc.rest.organisations import OrganisationsRestServicer
from raseed.adapters.rpc.rest.payment_return import PaymentReturnServicer
from raseed.adapters.rpc.rest.payment_webhooks import PaymentWebhooksServicer
from raseed.adapters.rpc.rest.payments import PaymentsRestServicer
from raseed.adapters.rpc.rest.receipts import ReceiptsRestServicer
from raseed.adapters.rpc.rest.responses import ResponsesRestServicer
from raseed.adapters.rpc.rest.subscriptions import SubscriptionsRestServicer
from raseed.adapters.rpc.rest.uploads import UploadsRestServicer
from raseed.adapters.rpc.rest.webhook_bodies import Bodies
from raseed.adapters.rpc.rest.webhooks import MetaWebhook, WebhooksServicer
from raseed.adapters.rpc.subscriptions import SubscriptionsServicer
from raseed.adapters.wire.openai.chat_stream import StreamUsage
from raseed.adapters.wire.openai.errors import CreditShortage
from raseed.adapters.wire.openai.models import details_of
from raseed.billing.v1 import (
    billing_pb2,
    billing_pb2_grpc,
    payments_pb2,
    payments_pb2_grpc,
    receipts_pb2,
    receipts_pb2_grpc,
    redemption_pb2,
    redemption_pb2_grpc,
    subscriptions_pb2,
    subscriptions_pb2_grpc,
)
from raseed.core.accounts.authenticator import Authenticator
from raseed.core.accounts.closing import ClosingRequests
from raseed.core.accounts.key_service import KeyService
from raseed.core.accounts.organisation_service import OrganisationService
from raseed.core.accounts.ports import SessionResolver
from raseed.core.accounts.service import AccountService
from raseed.core.admin.export import ExportService
from raseed.core.billing.history import HistoryService
from raseed.core.billing.metering import MeteringService
from raseed.core.billing.policy import Policy
from raseed.core.billing.subscription import SubscriptionService
from raseed.core.billing.usage import UsageService
from raseed.core.inference.estimate import Estimator
from raseed.core.inference.keyed import KeyedChat
from raseed.core.inference.service import InferenceService
from raseed.core.limits.service import LimitService
from raseed.core.messaging.enquiries import Enquiries
from raseed.core.messaging.service import NoticeService
from raseed.core.payments.buying import Buying
from raseed.core.payments.reading import PaymentReader
from raseed.core.payments.receipt_service import ReceiptService
from raseed.core.payments.receiving import EventReceiver
from raseed.core.payments.redeeming import RedemptionService
from raseed.core.payments.returning import Returns
from raseed.core.payments.subscriptions import Subscriptions
from raseed.core.responses.service import ResponseService
from raseed.inference.v1 import inference_pb2, inference_pb2_grpc, responses_pb2, responses_pb2_grpc
from raseed.metering.v1 import metering_pb2, metering_pb2_grpc
from raseed.rest.v1 import auth_pb2_grpc as rest_auth_pb2_grpc
from raseed.rest.v1 import enquiries_pb2_grpc as rest_enquiries_pb2_grpc
from raseed.rest.v1 import (
    keys_pb2_grpc,
    payment_webhooks_pb2_grpc,
    rest_pb2_grpc,
    uploads_pb2_grpc,
    webhooks_pb2_grpc,
)
from raseed.rest.v1 import notices_pb2_grpc as rest_notices_pb2_grpc
from raseed.rest.v1 import organisations_pb2_grpc as rest_organisations_pb2_grpc
from raseed.rest.v1 import own_data_pb2_grpc as rest_own_data_pb2_grpc
from raseed.rest.v1 import payments_pb2_grpc as rest_payments_pb2_grpc
from raseed.rest.v1 import receipts_pb2_grpc as rest_receipts_pb2_grpc
from raseed.rest.v1 import redemption_pb2_grpc as rest_redemption_pb2_grpc
from raseed.rest.v1 import responses_pb2_grpc as rest_responses_pb2_grpc
from raseed.rest.v1 import subscriptions_pb2_grpc as rest_subscriptions_pb2_grpc


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    message_bytes_max: int = 32 * 1024 * 1024 + 64 * 1024
    """Largest gRPC message: Envoy's largest JSON body, with room for the envelope."""
    concurrent_rpcs_max: int = 4096
    """The last wall: beyond it calls are refused at once. Slots and queues are far below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The use cases that the public server offers."""

    authenticator: Authenticator
    sessions: SessionResolver
    sign_in: SignInUseCases
    limits: LimitService
    inference: InferenceService
    keyed: KeyedChat
    estimator: Estimator
    responses: ResponseService
    subscriptions: SubscriptionService
    history: HistoryService
    usage: UsageService
    metering: MeteringService
    accounts: AccountService
    keys: KeyService
    organisations: OrganisationService
    notices: NoticeService
    closings: ClosingRequests
    exports: ExportService
    enquiries: Enquiries
    receipts: ReceiptService
    meta_webhook: MetaWebhook
    events: EventReceiver
    redemptions: RedemptionService
    buying: Buying
    plans: Subscriptions
    payments: PaymentReader
    returns: Returns
    policy: Policy
    health: HealthMonitor


@dataclass(frozen=True, slots=True, kw_only=True)
class WireOptions:
    """Choices in the JSON that REST clients see."""

    stream_usage: StreamUsage = "requested"
    usage_credits: bool = False
    credit_shortage: CreditShortage = "payment_required"


def public_server(
    services: Services, limits: ServerLimits, wire: WireOptions, *, with_reflection: bool
) -> grpc.aio.Server:
    """Not started and not bound: the caller adds its port. Raises UnlistedMethod."""
    server = grpc.aio.server(
        interceptors=[
            Chain(
                [
                    observe(),
                    errors(wire.credit_shortage),
                    deadline(),
                    auth(services.authenticator, services.sessions),
                    bodies(),
                    within_limits(services.limits),
                    texts(),
                ]
            )
        ],
        options=server_options(limits),
        maximum_concurrent_rpcs=limits.concurrent_rpcs_max,
    )
    listed = only_listed(server)
    forms = Forms(wire.stream_usage, usage_credits=wire.usage_credits)
    inference_pb2_grpc.add_InferenceServiceServicer_to_server(
        InferenceServicer(services.inference, services.keyed, forms), listed
    )
    responses_pb2_grpc.add_ResponsesServiceServicer_to_server(
        ResponsesServicer(services.responses, services.inference, services.keyed), listed
    )
    billing_pb2_grpc.add_BillingServiceServicer_to_server(
        BillingServicer(services.subscriptions, services.history, services.usage, services.estimator), listed
    )
    redemption_pb2_grpc.add_RedemptionServiceServicer_to_server(
        RedemptionServicer(services.redemptions), listed
    )
    rest_redemption_pb2_grpc.add_RedemptionRestServiceServicer_to_server(
        RedemptionRestServicer(services.redemptions), listed
    )
    metering_pb2_grpc.add_MeteringServiceServicer_to_server(MeteringServicer(services.metering), listed)
    accounts_pb2_grpc.add_AccountsServiceServicer_to_server(
        AccountsServicer(services.accounts, services.keys), listed
    )
    keys_pb2_grpc.add_KeysRestServiceServicer_to_server(KeysRestServicer(services.keys), listed)
    accounts_auth_pb2_grpc.add_AuthServiceServicer_to_server(AuthServicer(services.sign_in), listed)
    rest_auth_pb2_grpc.add_AuthRestServiceServicer_to_server(AuthRestServicer(services.sign_in), listed)
    organisations_pb2_grpc.add_OrganisationsServiceServicer_to_server(
        OrganisationsServicer(services.organisations), listed
    )
    rest_organisations_pb2_grpc.add_OrganisationsRestServiceServicer_to_server(
        OrganisationsRestServicer(services.organisations), listed
    )
    notices_pb2_grpc.add_NoticesServiceServicer_to_server(NoticesServicer(services.notices), listed)
    rest_notices_pb2_grpc.add_NoticesRestServiceServicer_to_server(
        NoticesRestServicer(services.notices), listed
    )
    own_data_pb2_grpc.add_OwnDataServiceServicer_to_server(
        OwnDataServicer(services.closings, services.exports), listed
    )
    rest_own_data_pb2_grpc.add_OwnDataRestServiceServicer_to_server(
        OwnDataRestServicer(services.closings, services.exports), listed
    )
    enquiries_pb2_grpc.add_EnquiriesServiceServicer_to_server(EnquiriesServicer(services.enquiries), listed)
    rest_enquiries_pb2_grpc.add_EnquiriesRestServiceServicer_to_server(
        EnquiriesRestServicer(services.enquiries, services.sign_in.authenticator), listed
    )
    receipts_pb2_grpc.add_ReceiptsServiceServicer_to_server(ReceiptsServicer(services.receipts), listed)
    rest_receipts_pb2_grpc.add_ReceiptsRestServiceServicer_to_server(
        ReceiptsRestServicer(services.receipts), listed
    )
    uploads_pb2_grpc.add_UploadsRestServiceServicer_to_server(UploadsRestServicer(), listed)
    webhook_bodies = Bodies()
    webhooks_pb2_grpc.add_WebhooksServiceServicer_to_server(
        WebhooksServicer(services.notices, services.meta_webhook, webhook_bodies), listed
    )
    payments_pb2_grpc.add_PaymentsServiceServicer_to_server(
        PaymentsServicer(services.buying, services.payments), listed
    )
    rest_payments_pb2_grpc.add_PaymentsRestServiceServicer_to_server(
        PaymentsRestServicer(services.buying, services.payments), listed
    )
    subscriptions_pb2_grpc.add_SubscriptionsServiceServicer_to_server(
        SubscriptionsServicer(services.plans, services.buying), listed
    )
    rest_subscriptions_pb2_grpc.add_SubscriptionsRestServiceServicer_to_server(
        SubscriptionsRestServicer(services.plans, services.buying), listed
    )
    rest_payments_pb2_grpc.add_PaymentReturnServiceServicer_to_server(
        PaymentReturnServicer(services.returns), listed
    )
    payment_webhooks_pb2_grpc.add_PaymentWebhooksServiceServicer_to_server(
        PaymentWebhooksServicer(services.events, webhook_bodies), listed
    )
    rest_pb2_grpc.add_OpenAIServiceServicer_to_server(
        OpenAIServicer(services.inference, services.keyed, forms, details=details_of(services.policy)),
        listed,
    )
    rest_responses_pb2_grpc.add_ResponsesRestServiceServicer_to_server(
        ResponsesRestServicer(
            services.responses,
            services.inference,
            services.keyed,
            forms,
            usage_credits=wire.usage_credits,
        ),
        listed,
    )
    rest_pb2_grpc.add_AnthropicServiceServicer_to_server(
        AnthropicServicer(services.inference, services.keyed, services.estimator, forms),
        listed,
    )
    rest_pb2_grpc.add_BillingRestServiceServicer_to_server(
        BillingRestServicer(
            services.subscriptions, services.history, services.usage, services.estimator, services.policy
        ),
        listed,
    )
    health_pb2_grpc.add_HealthServicer_to_server(services.health.servicer, server)
    if with_reflection:
        names = [
            file.DESCRIPTOR.services_by_name[name].full_name
            for file in (
                inference_pb2,
                responses_pb2,
                billing_pb2,
                receipts_pb2,
                redemption_pb2,
                payments_pb2,
                subscriptions_pb2,
                accounts_pb2,
                accounts_auth_pb2,
                organisations_pb2,
                notices_pb2,
                own_data_pb2,
                enquiries_pb2,
                metering_pb2,
                health_pb2,
            )
            for name in file.DESCRIPTOR.services_by_name
        ]
        reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server)
    return server


def server_options(limits: ServerLimits) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", 0),  # a second start on the same port must fail, not share
        ("grpc.max_receive_message_length", limits.message_bytes_max),
        ("grpc.max_send_message_length", limits.message_bytes_max),
    ]
