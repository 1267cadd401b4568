"""Responses over native gRPC: typed messages, the same use cases."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from tests.support.worker import Client, Worker, error_of

from raseed.adapters.scripted.backend import MEDIA_TOKENS
from raseed.inference.v1 import inference_pb2, responses_pb2_grpc
from raseed.inference.v1 import responses_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOOK = inference_pb2.Tool(name="look", parameters_json='{"type":"object","b":1,"a":2}')


class Api:
    def __init__(self, worker: Worker, client: Client) -> None:
        self.stub: Any = responses_pb2_grpc.ResponsesServiceStub(worker.channel)
        self.metadata = client.metadata

    async def create(self, text: str = "hi", request_id: str = "", **fields: Any) -> pb.Response:
        request = pb.CreateResponseRequest(spec=spec(text, **fields), request_id=request_id)
        answer = await self.stub.CreateResponse(request, metadata=self.metadata)
        response: pb.Response = answer.response
        return response

    async def get(self, response_id: str) -> pb.Response:
        request = pb.GetResponseRequest(response_id=response_id)
        response: pb.Response = (await self.stub.GetResponse(request, metadata=self.metadata)).response
        return response

    async def events(self, call: Any) -> list[pb.ResponseEvent]:
        return [answer.event async for answer in call]

    async def stream(self, text: str, **fields: Any) -> list[pb.ResponseEvent]:
        request = pb.StreamResponseRequest(spec=spec(text, **fields))
        return await self.events(self.stub.StreamResponse(request, metadata=self.metadata))

    async def follow(self, response_id: str, after: int | None = None) -> list[pb.ResponseEvent]:
        request = pb.FollowResponseRequest(response_id=response_id, starting_after=after)
        return await self.events(self.stub.FollowResponse(request, metadata=self.metadata))

    async def refused(self, **fields: Any) -> tuple[tuple[str, str], str]:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.create(**fields)
        return error_of(caught.value), caught.value.details() or ""


def said(text: str, role: str = "user") -> pb.ResponseItem:
    return pb.ResponseItem(message=pb.ResponseMessage(role=role, text=text))


def spec(text: str, **fields: Any) -> pb.ResponseSpec:
    return pb.ResponseSpec(**{"model": "scripted", "input": [said(text)] if text else []} | fields)


@pytest_asyncio.fixture(loop_scope="module")
async def api(worker, new_client) -> Api:
    return Api(worker, await new_client(10_000))


def kinds(events: list[pb.ResponseEvent]) -> list[str]:
    assert [event.sequence_number for event in events] == list(range(len(events)))
    return [str(event.WhichOneof("event")) for event in events]


async def test_a_response_is_kept_and_continued(api: Api) -> None:
    first = await api.create("one two", instructions="be kind", metadata={"k": "v"}, top_logprobs=1)
    assert (first.status, first.spec.instructions, dict(first.spec.metadata)) == (
        "completed",
        "be kind",
        {"k": "v"},
    )
    [item] = first.output
    assert (item.message.role, item.message.text) == ("assistant", "one two")
    assert item.message.logprobs[0].chosen.token == b"one "
    assert first.usage.cost_microcredits == first.usage.total_token_count * 1_000_000
    assert await api.get(first.id) == first
    second = await api.create("three", previous_response_id=first.id)
    listed = await api.stub.ListInputItems(
        pb.ListInputItemsRequest(response_id=second.id, page_size=2), metadata=api.metadata
    )
    rest = await api.stub.ListInputItems(
        pb.ListInputItemsRequest(response_id=second.id, page_token=listed.next_page_token),
        metadata=api.metadata,
    )
    texts = [one.message.text for one in (*listed.items, *rest.items)]
    assert (texts, rest.next_page_token) == (["one two", "one two", "three"], "")
    named = await api.create(
        "", input=[said("one two"), pb.ResponseItem(id=item.id, reference=pb.ItemReference()), said("three")]
    )
    assert named.usage.prompt_token_count == second.usage.prompt_token_count


async def test_a_picture_between_texts(api: Api) -> None:
    parts = [
        inference_pb2.ContentPart(text="one "),
        inference_pb2.ContentPart(image=inference_pb2.ImagePart(data=b"x", media_type="image/png")),
        inference_pb2.ContentPart(text="two"),
    ]
    message = pb.ResponseMessage(role="user", parts=parts)
    seen = await api.create("", input=[pb.ResponseItem(message=message)])
    plain = await api.create("one two")
    assert seen.output[0].message.text == "one two"
    assert seen.usage.prompt_token_count == plain.usage.prompt_token_count + MEDIA_TOKENS


async def test_a_loop_of_tools(api: Api) -> None:
    events = await api.stream("#script tokens=2 tools=2 tool=look", tools=[LOOK])
    call = ["item_opened", "arguments_delta", "item_closed"]
    assert kinds(events) == ["begun", *call, *call, "ended"]
    last = events[-1].ended
    assert [one.function_call.arguments_json for one in last.output] == ['{"n":1}', '{"n":1}']
    assert last.spec.tools[0] == LOOK
    outputs = [
        pb.ResponseItem(function_call_output=pb.FunctionCallOutput(call_id=one.function_call.id, output=text))
        for one, text in zip(last.output, ("a", "b"), strict=True)
    ]
    answer = await api.create("", input=outputs, previous_response_id=last.id, tools=[LOOK])
    assert answer.output[0].message.text == "b"


async def test_events_of_a_text_and_of_its_replay(api: Api) -> None:
    events = await api.stream("one two", max_output_tokens=1)
    assert kinds(events) == ["begun", "item_opened", "text_delta", "item_closed", "ended"]
    ended = events[-1].ended
    assert (ended.status, ended.incomplete_reason) == ("incomplete", "max_output_tokens")
    assert await api.follow(ended.id) == events
    assert await api.follow(ended.id, after=2) == events[3:]


async def test_a_response_in_the_background(api: Api) -> None:
    begun = await api.create("#script tokens=50 pace_ms=5", background=True)
    assert begun.status in {"queued", "in_progress"}
    events = await api.follow(begun.id)
    assert kinds(events)[-1] == "ended"
    assert await api.get(begun.id) == events[-1].ended
    long = await api.stub.StreamResponse(
        pb.StreamResponseRequest(spec=spec("#script tokens=100000 pace_ms=5", background=True)),
        metadata=api.metadata,
    ).read()
    response_id = long.event.begun.id
    cancelled = await api.stub.CancelResponse(
        pb.CancelResponseRequest(response_id=response_id), metadata=api.metadata
    )
    assert cancelled.response.status == "cancelled"
    await api.stub.DeleteResponse(pb.DeleteResponseRequest(response_id=response_id), metadata=api.metadata)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await api.get(response_id)
    assert error_of(caught.value) == ("NOT_FOUND", "NOT_FOUND")


@pytest.mark.parametrize("background", [False, True])
async def test_an_id_of_the_callers_names_one_response(api: Api, *, background: bool) -> None:
    first = await api.create("hi", request_id="mine", background=background)
    await api.follow(first.id)  # to its end
    again = await api.create("hi", request_id="mine", background=background)
    assert again.id == first.id
    assert (await api.refused(text="other", request_id="mine", background=background))[0] == (
        "ALREADY_EXISTS",
        "REQUEST_REUSED_WITH_OTHER_INPUT",
    )


async def test_a_failure_after_output_ends_the_call_and_is_kept(api: Api) -> None:
    request = pb.StreamResponseRequest(spec=spec("#script tokens=9 fail_at=3"))
    call = api.stub.StreamResponse(request, metadata=api.metadata)
    begun = (await call.read()).event.begun
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await read_to_the_end(call)
    assert error_of(caught.value) == ("ABORTED", "BACKEND_LOST")
    kept = await api.get(begun.id)
    assert (kept.status, kept.output[0].message.text) == ("failed", "alpha beta gamma ")
    assert kept.error_message


async def test_counting(api: Api) -> None:
    request = pb.CountInputTokensRequest(spec=spec("hi", instructions="be kind"))
    counted = await api.stub.CountInputTokens(request, metadata=api.metadata)
    answer = await api.create("hi", instructions="be kind")
    assert counted.input_token_count == answer.usage.prompt_token_count


def param_of(error: grpc.aio.AioRpcError) -> str:
    status: Any = rpc_status.from_call(error)  # type: ignore[arg-type]
    info = error_details_pb2.ErrorInfo()
    status.details[0].Unpack(info)
    return str(info.metadata["param"])


async def read_to_the_end(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"model": ""}, "model"),
    ({"text": ""}, "input"),
    ({"input": [pb.ResponseItem()]}, "input[0]"),
    ({"input": [said("x", role="tool")]}, "input[0].message.role"),
    ({"input": [pb.ResponseItem(reference=pb.ItemReference())]}, "input[0]"),
    ({"tools": [LOOK] * 513}, "tools"),
    ({"tool_choice": "any"}, "tool_choice"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"required_tool_name": "look"}, "required_tool_name"),
    ({"tool_choice": "required", "required_tool_name": "x", "tools": [LOOK]}, "required_tool_name"),
    ({"max_output_tokens": 0}, "max_output_tokens"),
    ({"temperature": 3.0}, "temperature"),
    ({"top_p": 0.0}, "top_p"),
    ({"top_logprobs": 21}, "top_logprobs"),
    ({"json_format": inference_pb2.JsonFormat(schema_json="{")}, "json_format"),
    ({"metadata": {str(number): "" for number in range(17)}}, "metadata"),
    ({"background": True, "store": False}, "store"),
    ({"previous_response_id": "r" * 65}, "previous_response_id"),
]


@pytest.mark.parametrize(("fields", "param"), REFUSED)
async def test_refused(api: Api, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await api.create(**fields)
    assert error_of(caught.value) == ("INVALID_ARGUMENT", "REQUEST_INVALID")
    assert param_of(caught.value) == param
