"""Who may call what: one row for each RPC. A method without a row is refused, and no server starts with one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType

from raseed.adapters.rpc.admin.access import ADMIN_ACCESS
from raseed.core.accounts.scopes import Scope
from raseed.core.admin.operators import OperatorScope


class Credential(Enum):
    """What a caller shows."""

    API_KEY = auto()
    SESSION = auto()
    OPERATOR = auto()
    """The admin socket, or an admin key. Never on the public server."""


@dataclass(frozen=True, slots=True)
class Access:
    credentials: frozenset[Credential]
    """Any one of these. Empty: nothing needs to be shown, and what is shown is not looked at."""
    scope: Scope | OperatorScope | None = None
    """What the caller needs beside it; None: nothing."""

    @property
    def is_open(self) -> bool:
        return not self.credentials

    @property
    def changes(self) -> bool:
        """Whether it may change or cost something: then a browser's cookie alone is not enough."""
        return self.scope is None or not self.scope.endswith(":read")


class UnlistedMethod(Exception):
    """A server has methods that nobody has decided the access of."""


OPEN = Access(frozenset())


def _caller(scope: Scope) -> Access:
    return Access(frozenset({Credential.API_KEY, Credential.SESSION}), scope)


_INFERENCE = _caller(Scope.INFERENCE)
_MODELS = _caller(Scope.MODELS_READ)
_BILLING = _caller(Scope.BILLING_READ)
_BUYING = _caller(Scope.BILLING_WRITE)
_USAGE = _caller(Scope.USAGE_READ)
_OWN_SESSION = Access(frozenset({Credential.SESSION}))
"""A person's own way in, whatever the role: no key may change it."""
_OWN_SESSION_READ = Access(frozenset({Credential.SESSION}), Scope.ACCOUNT_READ)
_KEYS_READ = _caller(Scope.KEYS_READ)
_KEYS_WRITE = _caller(Scope.KEYS_WRITE)
_REPORT = Access(frozenset({Credential.SESSION}), Scope.KEYS_WRITE)
"""Not for keys: a thief with one would be told those that take its place."""
_METERING = Access(frozenset({Credential.API_KEY}), Scope.METERING_WRITE)
_MEMBERS_READ = Access(frozenset({Credential.SESSION}), Scope.MEMBERS_READ)
_MEMBERS_WRITE = Access(frozenset({Credential.SESSION}), Scope.MEMBERS_WRITE)
"""Of persons alone: a key has no role, and no role manages it."""

_NOTICES = {
    "GetNoticePreferences": _caller(Scope.ACCOUNT_READ),
    "UpdateNoticePreferences": _caller(Scope.ACCOUNT_WRITE),
}

_OWN_DATA_WRITE = Access(frozenset({Credential.SESSION}), Scope.ACCOUNT_WRITE)
_OWN_DATA = {
    "RequestClosing": _OWN_DATA_WRITE,
    "GetClosingRequest": _OWN_SESSION_READ,
    "WithdrawClosing": _OWN_DATA_WRITE,
    "ExportOwnData": _OWN_DATA_WRITE,
}
"""Not for keys: a thief with one would end the account, or carry its data away."""

_RECEIPTS = {"ListReceipts": _BILLING, "GetReceipt": _BILLING}
_PAYMENTS = {
    "ListPaymentMethods": _BILLING,
    # Of keys, only where the profile says so: `core.payments.buying`.
    "CreateCheckout": _caller(Scope.BILLING_WRITE),
    "GetPayment": _BILLING,
    "ListPayments": _BILLING,
}

_SUBSCRIPTIONS = {
    "ListPlans": _BILLING,
    "GetPlan": _BILLING,
    # Of keys, only where the profile says so: `core.payments.buying`.
    "Subscribe": _BUYING,
    "ChangePlan": _BUYING,
    "CancelPlan": _BUYING,
    "ResumePlan": _BUYING,
    # Of persons alone: each proves once who he is.
    "StartTrial": Access(frozenset({Credential.SESSION}), Scope.BILLING_WRITE),
}

_ORGANISATIONS = {
    "CreateOrganisation": Access(frozenset({Credential.SESSION}), Scope.ACCOUNT_WRITE),
    "ListMyOrganisations": _OWN_SESSION_READ,
    "AcceptInvitation": _OWN_SESSION,
    "GetOrganisation": _OWN_SESSION_READ,
    "ListMembers": _MEMBERS_READ,
    "InviteMember": _MEMBERS_WRITE,
    "ListInvitations": _MEMBERS_READ,
    "RevokeInvitation": _MEMBERS_WRITE,
    "ChangeMemberRole": _MEMBERS_WRITE,
    "RemoveMember": _MEMBERS_WRITE,
    "LeaveOrganisation": _OWN_SESSION,
}

_RESPONSES = {
    "CreateResponse": _INFERENCE,
    "CountInputTokens": _INFERENCE,
    "GetResponse": _INFERENCE,
    "DeleteResponse": _INFERENCE,
    "CancelResponse": _INFERENCE,
    "ListInputItems": _INFERENCE,
}

_SERVICES: dict[str, dict[str, Access]] = {
    "raseed.inference.v1.InferenceService": {
        "CreateChatCompletion": _INFERENCE,
        "StreamChatCompletion": _INFERENCE,
        "CreateCompletion": _INFERENCE,
        "StreamCompletion": _INFERENCE,
        "CreateEmbeddings": _INFERENCE,
        "AnswerJson": _INFERENCE,
        "StreamJson": _INFERENCE,
        "ListModels": _MODELS,
        "GetModel": _MODELS,
    },
    "raseed.inference.v1.ResponsesService": _RESPONSES
    | {"StreamResponse": _INFERENCE, "FollowResponse": _INFERENCE},
    "raseed.billing.v1.BillingService": {
        "GetSubscription": _BILLING,
        "GetBalance": _BILLING,
        "ListGrants": _BILLING,
        "ListTopupPacks": _BILLING,
        "ListTopups": _BILLING,
        "EstimatePrice": _BILLING,
        "QueryUsage": _USAGE,
        "ListCalls": _USAGE,
        "ExportUsage": _USAGE,
    },
    "raseed.billing.v1.ReceiptsService": {**_RECEIPTS, "RenderReceipt": _BILLING},
    "raseed.rest.v1.ReceiptsRestService": _RECEIPTS,
    "raseed.billing.v1.RedemptionService": {"RedeemCode": _BUYING},
    "raseed.rest.v1.RedemptionRestService": {"RedeemCode": _BUYING},
    "raseed.billing.v1.PaymentsService": _PAYMENTS,
    "raseed.rest.v1.PaymentsRestService": _PAYMENTS,
    "raseed.billing.v1.SubscriptionsService": _SUBSCRIPTIONS,
    "raseed.rest.v1.SubscriptionsRestService": _SUBSCRIPTIONS,
    "raseed.rest.v1.PaymentReturnService": {"ShowReturn": OPEN},  # a page for whoever has a payment's id
    "raseed.metering.v1.MeteringService": {
        "PlaceHold": _METERING,
        "ExtendHold": _METERING,
        "SettleHold": _METERING,
        "ReleaseHold": _METERING,
    },
    "raseed.accounts.v1.AccountsService": {
        "GetAccount": _caller(Scope.ACCOUNT_READ),
        "ListApiKeys": _KEYS_READ,
        "GetApiKey": _KEYS_READ,
        "CreateApiKey": _KEYS_WRITE,
        "UpdateApiKey": _KEYS_WRITE,
        "RotateApiKey": _KEYS_WRITE,
        "RevokeApiKey": _KEYS_WRITE,
        "ReportUnauthorisedUse": _REPORT,
    },
    "raseed.accounts.v1.AuthService": {
        "GetSignInOptions": OPEN,
        "StartSignIn": OPEN,
        "VerifySignIn": OPEN,
        "SignOut": _OWN_SESSION,
        "AcceptTerms": _OWN_SESSION,
        "StartIdentifierChange": _OWN_SESSION,
        "VerifyIdentifierChange": _OWN_SESSION,
        "ListSessions": _OWN_SESSION_READ,
        "RevokeSession": _OWN_SESSION,
        "RevokeOtherSessions": _OWN_SESSION,
    },
    "raseed.rest.v1.AuthRestService": {
        "GetSignInOptions": OPEN,
        "StartSignIn": OPEN,
        "VerifySignIn": OPEN,
        "SignOut": _OWN_SESSION,
        "GetSession": _OWN_SESSION_READ,
        "ListSessions": _OWN_SESSION_READ,
        "RevokeSession": _OWN_SESSION,
        "RevokeOtherSessions": _OWN_SESSION,
        "AcceptTerms": _OWN_SESSION,
        "StartIdentifierChange": _OWN_SESSION,
        "VerifyIdentifierChange": _OWN_SESSION,
    },
    # Over HTTP it is one more change of a member.
    "raseed.accounts.v1.OrganisationsService": _ORGANISATIONS | {"SetMemberSpendCap": _MEMBERS_WRITE},
    "raseed.rest.v1.OrganisationsRestService": _ORGANISATIONS,
    "raseed.accounts.v1.NoticesService": _NOTICES,
    "raseed.accounts.v1.OwnDataService": _OWN_DATA,
    "raseed.rest.v1.OwnDataRestService": _OWN_DATA,
    "raseed.rest.v1.NoticesRestService": _NOTICES,
    "raseed.accounts.v1.EnquiriesService": {"SendEnquiry": OPEN},
    "raseed.rest.v1.EnquiriesRestService": {"SendEnquiry": OPEN},
    "raseed.rest.v1.UploadsRestService": {"RefuseUpload": _INFERENCE},
    "raseed.rest.v1.WebhooksService": {
        "VerifyWhatsappWebhook": OPEN,  # a token of its own
        "ReceiveWhatsappReports": OPEN,  # a signature over its body
    },
    "raseed.rest.v1.PaymentWebhooksService": {
        "ReceiveMyfatoorahEvent": OPEN,  # a signature reckoned from its body
        "ReceiveCreemEvent": OPEN,
    },
    "raseed.rest.v1.KeysRestService": {
        "ListKeys": _KEYS_READ,
        "GetKey": _KEYS_READ,
        "CreateKey": _KEYS_WRITE,
        "UpdateKey": _KEYS_WRITE,
        "RotateKey": _KEYS_WRITE,
        "RevokeKey": _KEYS_WRITE,
        "ReportUnauthorisedUse": _REPORT,
    },
    "raseed.rest.v1.OpenAIService": {
        "CreateChatCompletion": _INFERENCE,
        "CreateCompletion": _INFERENCE,
        "CreateEmbeddings": _INFERENCE,
        "ListModels": _MODELS,
        "GetModel": _MODELS,
    },
    "raseed.rest.v1.ResponsesRestService": _RESPONSES,
    "raseed.rest.v1.AnthropicService": {
        "CreateMessage": _INFERENCE,
        "CountMessageTokens": _INFERENCE,
    },
    "raseed.rest.v1.BillingRestService": {
        "GetSubscription": _BILLING,
        "ListTopupPacks": _BILLING,
        "ListTopups": _BILLING,
        "EstimatePrice": _BILLING,
        "QueryUsage": _USAGE,
        "ListCalls": _USAGE,
        "GetDashboardSubscription": _BILLING,
        "GetDashboardUsage": _USAGE,
    },
}

ACCESS: Mapping[str, Access] = MappingProxyType(
    {
        f"{service}/{method}": access
        for service, methods in _SERVICES.items()
        for method, access in methods.items()
    }
    | {method: Access(frozenset({Credential.OPERATOR}), scope) for method, scope in ADMIN_ACCESS.items()}
)
"""By the RPC's full name, as in `raseed.inference.v1.InferenceService/ListModels`."""


def access_of(method: str) -> Access | None:
    """Of a method as gRPC names it, with a slash before it. None: nobody has decided, so nobody may."""
    return ACCESS.get(method.removeprefix("/"))


def check_listed(methods: Iterable[str], known: Mapping[str, Access] = ACCESS) -> None:
    """Raises UnlistedMethod if a method has no row."""
    unlisted = sorted(set(methods) - known.keys())
    if unlisted:
        raise UnlistedMethod(f"No access is declared in adapters/rpc/access.py for {', '.join(unlisted)}.")
