"""Programs with generated stubs, through Envoy, on the port that HTTP uses too."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status
from tests.support.customer import MICROCREDITS
from tests.support.stack import Stack
from tests.support.stubs import blocking

from raseed.accounts.v1 import accounts_pb2, accounts_pb2_grpc
from raseed.adapters.envoy.routes import PUBLIC_GRPC_SERVICES
from raseed.admin.v1 import admin_pb2, admin_pb2_grpc
from raseed.billing.v1 import billing_pb2, billing_pb2_grpc
from raseed.inference.v1 import inference_pb2 as pb
from raseed.inference.v1 import inference_pb2_grpc

TINY = "raseed-tiny"
TIMEOUT_S = 30.0
INFERENCE = "raseed.inference.v1.InferenceService"
BILLING = "raseed.billing.v1.BillingService"
ACCOUNTS = "raseed.accounts.v1.AccountsService"


@pytest.fixture
def channel(stack: Stack) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(stack.address) as channel:
        yield channel


@pytest.fixture
def inference(channel: grpc.Channel) -> Any:
    return blocking(inference_pb2_grpc.InferenceServiceStub, channel)


def bearer(key: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {key}"),)


def chat(content: str = "Hello", model: str = TINY, **fields: Any) -> pb.CreateChatCompletionRequest:
    messages = [pb.ChatMessage(role="user", content=content)]
    return pb.CreateChatCompletionRequest(model=model, messages=messages, **fields)


def stream_chat(content: str = "Hello", model: str = TINY, **fields: Any) -> pb.StreamChatCompletionRequest:
    messages = [pb.ChatMessage(role="user", content=content)]
    return pb.StreamChatCompletionRequest(model=model, messages=messages, **fields)


def refused(call: Callable[[], object]) -> tuple[grpc.StatusCode, error_details_pb2.ErrorInfo]:
    """Status and ErrorInfo of a call that must fail."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error: Any = caught.value
    status = rpc_status.from_call(error)
    assert status is not None, f"{error.code()} {error.details()} has no details"
    [info] = [detail for detail in status.details if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
    unpacked = error_details_pb2.ErrorInfo()
    info.Unpack(unpacked)
    assert unpacked.domain == "raseed"
    return error.code(), unpacked


def test_create(inference, customer):
    """A whole answer carries its usage and its cost, and the cost is what the balance lost."""
    answer = inference.CreateChatCompletion(chat(), metadata=bearer(customer.key), timeout=TIMEOUT_S)
    assert answer.id.startswith("chatcmpl-")
    assert answer.model == TINY
    assert answer.content
    assert answer.finish_reason == "stop"
    usage = answer.usage
    assert usage.total_token_count == usage.prompt_token_count + usage.completion_token_count
    assert usage.cost_microcredits == usage.total_token_count * MICROCREDITS
    assert customer.funds().spendable == 1_000 * MICROCREDITS - usage.cost_microcredits


def test_stream(inference, customer):
    """Pieces share id, time and model; the last one alone has the reason and the usage; the charge is already durable."""
    *pieces, last = list(
        inference.StreamChatCompletion(
            stream_chat(temperature=0), metadata=bearer(customer.key), timeout=TIMEOUT_S
        )
    )
    assert len({(piece.id, piece.created_at_s, piece.model) for piece in (*pieces, last)}) == 1
    assert pieces
    assert not [p for p in pieces if p.HasField("finish_reason") or p.HasField("usage")]
    assert last.finish_reason == "stop"
    assert customer.funds().spendable == 1_000 * MICROCREDITS - last.usage.cost_microcredits
    whole = inference.CreateChatCompletion(
        chat(temperature=0), metadata=bearer(customer.key), timeout=TIMEOUT_S
    )
    assert "".join(piece.content_delta for piece in (*pieces, last)) == whole.content


def test_models(inference, customer):
    """Models come in a fixed order, page by page; one is found by its id, also with a slash."""
    metadata = bearer(customer.key)
    listed = inference.ListModels(pb.ListModelsRequest(), metadata=metadata, timeout=TIMEOUT_S).models
    own = [model.id for model in listed if not model.id.startswith("cloud")]
    assert own == [TINY, "raseed-tiny-embed", "scripted", "acme/scripted-1"]
    assert (listed[0].credit_multiplier_milli, listed[0].context_length) == (1000, 1024)
    found, token = [], ""
    for _ in listed:
        page = inference.ListModels(
            pb.ListModelsRequest(page_size=1, page_token=token), metadata=metadata, timeout=TIMEOUT_S
        )
        found += page.models
        token = page.next_page_token
    assert (found, token) == (list(listed), "")
    request = pb.GetModelRequest(model="acme/scripted-1")
    assert inference.GetModel(request, metadata=metadata, timeout=TIMEOUT_S).model == listed[-1]


def test_subscription_and_account(stack, channel, customer):
    """A key shows its own account: plan, grants in order, balance, and which key it is."""
    scopes = ["account:read", "billing:read", "keys:read"]
    reading = admin_pb2.CreateApiKeyRequest(account=customer.id, scopes=scopes)
    made = stack.admin("CreateApiKey", reading)
    metadata = bearer(made.key)
    billing = blocking(billing_pb2_grpc.BillingServiceStub, channel)
    plan = billing.GetSubscription(billing_pb2.GetSubscriptionRequest(), metadata=metadata, timeout=TIMEOUT_S)
    assert (plan.tier, plan.status) == ("enterprise", "active")
    assert (plan.balance_microcredits, plan.held_microcredits) == (1_000 * MICROCREDITS, 0)
    assert [(g.source, g.remaining_microcredits) for g in plan.grants] == [
        ("adjustment", 1_000 * MICROCREDITS)
    ]
    accounts = blocking(accounts_pb2_grpc.AccountsServiceStub, channel)
    found = accounts.GetAccount(accounts_pb2.GetAccountRequest(), metadata=metadata, timeout=TIMEOUT_S)
    assert (found.account.id, found.api_key_id) == (customer.id, made.id)
    keys = accounts.ListApiKeys(accounts_pb2.ListApiKeysRequest(), metadata=metadata, timeout=TIMEOUT_S)
    assert [key.id for key in keys.api_keys] == [made.id, customer.key_id]
    assert customer.key not in str(keys)


@pytest.mark.parametrize("call", ["CreateChatCompletion", "StreamChatCompletion"])
def test_errors(stack, inference, customer, call):
    """Each refusal has its status and a reason that programs can branch on, for whole and for streamed answers."""
    make = chat if call == "CreateChatCompletion" else stream_chat

    def ask(
        request: Any, key: str | None = customer.key
    ) -> tuple[grpc.StatusCode, error_details_pb2.ErrorInfo]:
        metadata = bearer(key) if key else None
        answer = getattr(inference, call)
        return refused(lambda: _drained(answer(request, metadata=metadata, timeout=TIMEOUT_S)))

    code, info = ask(make(), key="rsd_wrong")
    assert (code, info.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
    code, info = ask(make(), key=None)
    assert (code, info.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
    code, info = ask(make(), key=stack.customer(0).key)
    assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "INSUFFICIENT_CREDITS")
    assert info.metadata["available_microcredits"] == "0"
    code, info = ask(make(model="gpt-unknown"))
    assert (code, info.reason) == (grpc.StatusCode.NOT_FOUND, "MODEL_UNKNOWN")
    assert info.metadata["model"] == "gpt-unknown"
    code, info = ask(make(temperature=9.0))
    assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_INVALID")
    assert info.metadata["param"] == "temperature"
    code, info = ask(make("word " * 2_000))
    assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "PROMPT_TOO_LONG")
    assert customer.left() == 1_000


def _drained(answer: Any) -> None:
    if hasattr(answer, "__iter__"):
        list(answer)


def test_request_id_is_answered_once(inference, customer):
    """A replayed request is refused and charged once; the same id with other content is another refusal."""
    metadata, name = bearer(customer.key), uuid.uuid4().hex
    request = chat("Hello", "scripted", request_id=name)
    first = inference.CreateChatCompletion(request, metadata=metadata, timeout=TIMEOUT_S)
    left = customer.left()
    assert left == 1_000 - first.usage.total_token_count
    for _ in range(2):
        code, info = refused(
            lambda: inference.CreateChatCompletion(request, metadata=metadata, timeout=TIMEOUT_S)
        )
        assert (code, info.reason) == (grpc.StatusCode.ABORTED, "CONFLICT")
    other = chat("Other", "scripted", request_id=name)
    code, info = refused(lambda: inference.CreateChatCompletion(other, metadata=metadata, timeout=TIMEOUT_S))
    assert (code, info.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_REUSED_WITH_OTHER_INPUT")
    assert customer.left() == left


def test_request_id_of_another_account(stack, inference, customer):
    """Ids are an account's own: the same one elsewhere is another request."""
    request = chat("Hello", "scripted", request_id=uuid.uuid4().hex)
    for key in (customer.key, stack.customer().key):
        assert inference.CreateChatCompletion(request, metadata=bearer(key), timeout=TIMEOUT_S).content


def test_deadline(inference, customer):
    """At the caller's deadline the model stops, the status says so, and what was generated is charged and no more."""
    request = stream_chat("#script tokens=1000 pace_ms=20", "scripted")
    pieces: list[pb.StreamChatCompletionResponse] = []
    began = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        pieces.extend(inference.StreamChatCompletion(request, metadata=bearer(customer.key), timeout=0.5))
    error: Any = caught.value
    # Its details are ours or, when the caller's own clock was first, gRPC's.
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - began < 10, "all of it would be 20 s"
    # One message and thirty bytes of text are nine tokens.
    assert 0 < len(pieces) <= 1_000 - 9 - customer.left() <= 0.5 / 0.02 + 2


def test_reflection(channel):
    """Reflection lists what the edge lets through, and nothing of operators or of the REST façade."""
    services = set(ProtoReflectionDescriptorDatabase(channel).get_services())
    assert {INFERENCE, BILLING, ACCOUNTS} <= services
    assert services == {*PUBLIC_GRPC_SERVICES, "grpc.reflection.v1alpha.ServerReflection"}
    assert not [name for name in services if name.startswith(("raseed.admin.", "raseed.rest."))]


def test_admin_is_not_public(stack, channel):
    """Operators' methods do not exist on the public port, whatever key is shown."""
    admin = blocking(admin_pb2_grpc.AdminServiceStub, channel)
    for metadata in (None, bearer(stack.key)):
        with pytest.raises(grpc.RpcError) as caught:
            admin.ListAccounts(admin_pb2.ListAccountsRequest(), metadata=metadata, timeout=TIMEOUT_S)
        error: Any = caught.value
        assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert stack.admin("ListAccounts", admin_pb2.ListAccountsRequest()).accounts


def test_rest_facade_is_not_callable_as_grpc(channel, customer):
    """The services behind REST are reached by their paths alone."""
    call = channel.unary_stream("/raseed.rest.v1.OpenAIService/ListModels")
    with pytest.raises(grpc.RpcError) as caught:
        list(call(b"", metadata=bearer(customer.key), timeout=TIMEOUT_S))
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED


def test_health(stack):
    """Every public service says that it serves, without a key. What dependencies do to it: test_outages.py."""
    for service in ("", INFERENCE, BILLING, ACCOUNTS):
        assert stack.health(service) == health_pb2.HealthCheckResponse.SERVING
