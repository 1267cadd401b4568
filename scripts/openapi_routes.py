"""What the body and the answer of each REST route are: one row for each method of rest.v1 that speaks JSON.

The rows name the very types that the wires decode and encode; the schemas in the OpenAPI file are made of those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from raseed.adapters.wire import (
    auth,
    billing,
    dashboard,
    enquiries,
    keys,
    notices,
    organisations,
    own_data,
    payments,
    receipts,
    redemption,
    subscriptions,
    usage,
)
from raseed.adapters.wire.anthropic import message_response, message_schema
from raseed.adapters.wire.openai import (
    chat_response,
    chat_schema,
    completion_request,
    completion_response,
    embedding_request,
    embedding_response,
    models,
    response_object,
    response_schema,
)

JSON_OBJECT = dict[str, object]
"""An answer whose keys no type of the wire names."""
EVENTS = "text/event-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    body: Any = None
    """What the body is decoded to. None: the method reads no body."""
    is_body_optional: bool = False
    """Whether no body at all is as good as `{}`."""
    answer: Any = JSON_OBJECT
    """What the answer is encoded from. None: it is never JSON."""
    status: int = 200
    """Of the answer when all is well."""
    other_types: tuple[str, ...] = ()
    """Content types beside JSON that the answer can have, as the request asks."""
    takes_idempotency_key: bool = False


def _generates(body: Any, answer: Any) -> Route:
    return Route(body=body, answer=answer, other_types=(EVENTS,), takes_idempotency_key=True)


def _makes(body: Any, answer: Any, *, status: int = 201, is_body_optional: bool = False) -> Route:
    return Route(
        body=body,
        answer=answer,
        status=status,
        is_body_optional=is_body_optional,
        takes_idempotency_key=True,
    )


_EXPORTS = ("text/csv", usage.JSON_LINES)
_DONE = Route(body=JSON_OBJECT, is_body_optional=True)
"""An action that is asked for by its address: what the body says is not read."""
_PLAN_CHANGE = Route(body=JSON_OBJECT, is_body_optional=True, answer=subscriptions._View)

_OPENAI = {
    "CreateChatCompletion": _generates(chat_schema.ChatBody, chat_response._Completion),
    "CreateCompletion": _generates(completion_request.CompletionBody, completion_response._Completion),
    "CreateEmbeddings": Route(
        body=embedding_request.EmbeddingBody,
        answer=embedding_response.EmbeddingList,
        takes_idempotency_key=True,
    ),
    "ListModels": Route(answer=models._ModelList),
    "GetModel": Route(answer=models._Model),
}
_RESPONSES = {
    "CreateResponse": _generates(response_schema.ResponseBody, response_object.ResponseObject),
    "CountInputTokens": Route(body=response_schema.ResponseBody, answer=response_object.InputTokens),
    "GetResponse": Route(answer=response_object.ResponseObject, other_types=(EVENTS,)),
    "DeleteResponse": Route(answer=response_object.DeletedResponse),
    "CancelResponse": Route(body=JSON_OBJECT, is_body_optional=True, answer=response_object.ResponseObject),
    "ListInputItems": Route(answer=response_object.ItemList),
}
_ANTHROPIC = {
    "CreateMessage": _generates(message_schema.MessagesBody, message_response.MessageObject),
    "CountMessageTokens": Route(body=message_schema.MessagesBody, answer=dict[str, int]),
}
_BILLING = {
    "GetSubscription": Route(answer=billing._Subscription),
    "ListTopupPacks": Route(answer=billing._Packs),
    "ListTopups": Route(answer=billing._History),
    "QueryUsage": Route(answer=usage._Report, other_types=_EXPORTS[:1]),
    "ListCalls": Route(answer=usage._Calls, other_types=_EXPORTS),
    "GetDashboardSubscription": Route(answer=dashboard._Subscription),
    "GetDashboardUsage": Route(answer=dashboard._Usage),
    "EstimatePrice": Route(body=chat_schema.ChatBody, answer=billing._Estimate),
}
_SESSIONS_ENDED = Route(body=JSON_OBJECT, is_body_optional=True, answer=auth._Revoked)
_AUTH = {
    "GetSignInOptions": Route(answer=auth._Options),
    "StartSignIn": Route(body=auth.StartBody, answer=auth._Started),
    "VerifySignIn": Route(body=auth.VerifyBody, answer=auth._SignedIn),
    "SignOut": _SESSIONS_ENDED,
    "GetSession": Route(answer=auth._OwnSession),
    "AcceptTerms": Route(body=auth.TermsBody, answer=auth._OwnSession),
    "ListSessions": Route(answer=auth._Sessions),
    "RevokeSession": Route(answer=auth._Revoked),
    "RevokeOtherSessions": _SESSIONS_ENDED,
    "StartIdentifierChange": Route(body=auth.StartBody, answer=auth._Started),
    "VerifyIdentifierChange": Route(body=auth.VerifyBody, answer=auth._SignedIn),
}
_KEYS = {
    "ListKeys": Route(answer=keys._Keys),
    "CreateKey": _makes(keys._NewKey, keys._Key, is_body_optional=True),
    "GetKey": Route(answer=keys._Key),
    "UpdateKey": Route(body=keys._Settings, answer=keys._Key, is_body_optional=True),
    "RevokeKey": Route(answer=keys._Key),
    "RotateKey": _makes(keys._Rotation, keys._Key, status=200, is_body_optional=True),
    "ReportUnauthorisedUse": Route(body=keys._Report, answer=keys._Keys, is_body_optional=True),
}
_NOTICES = {
    "GetNoticePreferences": Route(answer=notices._Preferences),
    "UpdateNoticePreferences": Route(body=notices.UpdateBody, answer=notices._Preferences),
}
_ORGANISATIONS = {
    "ListMyOrganisations": Route(answer=organisations._Organisations),
    "CreateOrganisation": Route(
        body=organisations._NewOrganisation, answer=organisations._Organisation, status=201
    ),
    "AcceptInvitation": Route(body=organisations._Acceptance, answer=organisations._Organisation),
    "GetOrganisation": Route(answer=organisations._Organisation),
    "LeaveOrganisation": _DONE,
    "ListMembers": Route(answer=organisations._Members),
    "ChangeMemberRole": Route(body=organisations._Change, answer=organisations._Member),
    "RemoveMember": Route(),
    "ListInvitations": Route(answer=organisations._Invitations),
    "InviteMember": Route(body=organisations._NewInvitation, answer=organisations._Invitation, status=201),
    "RevokeInvitation": Route(),
}
_OWN_DATA = {
    "RequestClosing": Route(body=own_data.ClosingBody, is_body_optional=True, answer=own_data._Closing),
    "GetClosingRequest": Route(answer=own_data._Closing),
    "WithdrawClosing": Route(answer=own_data._Closing),
    "ExportOwnData": Route(answer=None, other_types=(usage.JSON_LINES,)),
}
_PAYMENTS = {
    "ListPaymentMethods": Route(answer=payments._Methods),
    "CreateCheckout": _makes(payments._Checkout, payments._Payment),
    "ListPayments": Route(answer=payments._Page),
    "GetPayment": Route(answer=payments._Payment),
}
_RECEIPTS = {
    "ListReceipts": Route(answer=receipts._Receipts),
    "GetReceipt": Route(answer=receipts._Receipt, other_types=("text/html", "application/pdf")),
}
_SUBSCRIPTIONS = {
    "ListPlans": Route(answer=subscriptions._Plans),
    "GetPlan": Route(answer=subscriptions._View),
    "Subscribe": _makes(subscriptions._Wish, payments._Payment),
    "StartTrial": Route(body=subscriptions._Wish, answer=subscriptions._View, status=201),
    "ChangePlan": Route(body=subscriptions._Wish, answer=subscriptions._View, takes_idempotency_key=True),
    "CancelPlan": _PLAN_CHANGE,
    "ResumePlan": _PLAN_CHANGE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A service of rest.v1: how it is called in the file, and its methods."""

    tag: str
    routes: Mapping[str, Route] = field(default_factory=dict)


GROUPS: Mapping[str, Group] = MappingProxyType(
    {
        "OpenAIService": Group(tag="OpenAI", routes=_OPENAI),
        "ResponsesRestService": Group(tag="OpenAI responses", routes=_RESPONSES),
        "AnthropicService": Group(tag="Anthropic", routes=_ANTHROPIC),
        "BillingRestService": Group(tag="Billing and usage", routes=_BILLING),
        "PaymentsRestService": Group(tag="Payments", routes=_PAYMENTS),
        "SubscriptionsRestService": Group(tag="Plans", routes=_SUBSCRIPTIONS),
        "ReceiptsRestService": Group(tag="Receipts", routes=_RECEIPTS),
        "RedemptionRestService": Group(
            tag="Redemption codes",
            routes={"RedeemCode": Route(body=redemption._Code, answer=redemption._Redeemed)},
        ),
        "KeysRestService": Group(tag="API keys", routes=_KEYS),
        "AuthRestService": Group(tag="Signing in", routes=_AUTH),
        "OrganisationsRestService": Group(tag="Organisations", routes=_ORGANISATIONS),
        "NoticesRestService": Group(tag="Notices", routes=_NOTICES),
        "OwnDataRestService": Group(tag="Own data", routes=_OWN_DATA),
        "EnquiriesRestService": Group(
            tag="Contact", routes={"SendEnquiry": Route(body=enquiries.EnquiryBody, status=200)}
        ),
    }
)
NOT_JSON = frozenset(
    {"WebhooksService", "PaymentWebhooksService", "PaymentReturnService", "UploadsRestService"}
)
"""Services for callers that read no OpenAPI: providers that report to us, and browsers that come back from them; and what
is not offered."""
