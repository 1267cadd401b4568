"""raseed.inference.v1 messages of responses ↔ core types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from raseed.adapters.rpc.inference_mapping import (
    from_core_logprob,
    from_core_usage,
    to_core_format,
    to_core_tool,
)
from raseed.adapters.rpc.media_mapping import to_core_parts
from raseed.adapters.wire.openai.chat_messages import CALL_ID_BYTES_MAX, MESSAGES_MAX, check_function_name
from raseed.adapters.wire.openai.chat_tools import TOOLS_MAX
from raseed.adapters.wire.openai.invalid import check_length
from raseed.adapters.wire.openai.response_items import ITEM_ID_BYTES_MAX, ROLES
from raseed.adapters.wire.openai.response_request import (
    ID_BYTES_MAX,
    METADATA_KEY_BYTES_MAX,
    METADATA_PAIRS_MAX,
    METADATA_VALUE_BYTES_MAX,
)
from raseed.adapters.wire.openai.sampling_fields import TOP_LOGPROBS_MAX
from raseed.core.errors import RequestInvalid
from raseed.core.inference.model import FinishReason, Media, Role, Sampling, ToolCall
from raseed.core.responses.model import (
    Choosing,
    Item,
    ItemKind,
    OfferedTool,
    Response,
    ResponseId,
    ResponseRequest,
    Status,
    Terms,
    TextFormat,
)
from raseed.core.responses.output import OutputItem, whole_output
from raseed.inference.v1 import inference_pb2
from raseed.inference.v1 import responses_pb2 as pb

_FORMAT_NAME = "answer"
"""Of a schema that came without a name, which OpenAI's object wants."""


def to_core_request(spec: pb.ResponseSpec) -> ResponseRequest:
    """Raises RequestInvalid with the field at fault."""
    if not spec.model:
        raise RequestInvalid("model is required.", param="model")
    if len(spec.input) > MESSAGES_MAX or not (spec.input or spec.previous_response_id):
        raise RequestInvalid(f"input needs 1 to {MESSAGES_MAX} items.", param="input")
    if len(spec.tools) > TOOLS_MAX:
        raise RequestInvalid(f"tools has at most {TOOLS_MAX} functions.", param="tools")
    check_length("previous_response_id", spec.previous_response_id, ID_BYTES_MAX)
    store = spec.store if spec.HasField("store") else True
    if spec.background and not store:
        raise RequestInvalid("A response in the background must be stored.", param="store")
    tools = tuple(OfferedTool(tool=to_core_tool(tool)) for tool in spec.tools)
    terms = Terms(
        model=spec.model,
        instructions=spec.instructions if spec.HasField("instructions") else None,
        previous_response_id=ResponseId(spec.previous_response_id) if spec.previous_response_id else None,
        sampling=_to_core_sampling(spec),
        tools=tools,
        choosing=_to_core_choosing(spec, tools),
        parallel_tool_calls=spec.parallel_tool_calls if spec.HasField("parallel_tool_calls") else True,
        text=_to_core_text(spec),
        truncates=spec.truncate,
        store=store,
        background=spec.background,
        metadata=_to_core_metadata(spec.metadata),
    )
    items = tuple(_to_core_item(f"input[{place}]", item) for place, item in enumerate(spec.input))
    return ResponseRequest(terms=terms, input=items)


def _to_core_item(param: str, item: pb.ResponseItem) -> Item:
    check_length(f"{param}.id", item.id, ITEM_ID_BYTES_MAX)
    match item.WhichOneof("item"):
        case "message":
            if item.message.role not in ROLES:
                raise RequestInvalid(
                    f"{param}.message.role must be one of {', '.join(ROLES)}.", param=f"{param}.message.role"
                )
            text, media = _to_core_content(f"{param}.message", item.message)
            return Item(kind=ItemKind.MESSAGE, id=item.id, role=item.message.role, text=text, media=media)
        case "function_call":
            call = item.function_call
            check_function_name(f"{param}.function_call.name", call.name)
            call_id = _to_core_call_id(f"{param}.function_call.id", call.id)
            said = ToolCall(id=call_id, name=call.name, arguments_json=call.arguments_json)
            return Item(kind=ItemKind.CALL, id=item.id, call=said)
        case "function_call_output":
            output = item.function_call_output
            call_id = _to_core_call_id(f"{param}.function_call_output.call_id", output.call_id)
            return Item(kind=ItemKind.CALL_OUTPUT, id=item.id, call_id=call_id, text=output.output)
        case "reasoning":
            return Item(
                kind=ItemKind.REASONING,
                id=item.id,
                text=item.reasoning.text,
                summaries=tuple(item.reasoning.summaries),
                encrypted=item.reasoning.encrypted or None,
            )
        case "reference" if item.id:
            return Item(kind=ItemKind.REFERENCE, id=item.id)
        case _:
            raise RequestInvalid(f"{param} says nothing.", param=param)


def _to_core_content(param: str, message: pb.ResponseMessage) -> tuple[str, tuple[Media, ...]]:
    if not message.parts:
        return message.text, ()
    said = inference_pb2.ChatMessage(content=message.text, parts=message.parts)
    return to_core_parts(param, Role.USER if message.role == "user" else Role.ASSISTANT, said)


def _to_core_call_id(param: str, call_id: str) -> str:
    if not call_id:
        raise RequestInvalid(f"{param} is required.", param=param)
    check_length(param, call_id, CALL_ID_BYTES_MAX)
    return call_id


def _to_core_sampling(spec: pb.ResponseSpec) -> Sampling:
    default = Sampling()
    max_tokens = spec.max_output_tokens if spec.HasField("max_output_tokens") else None
    temperature = spec.temperature if spec.HasField("temperature") else default.temperature
    top_p = spec.top_p if spec.HasField("top_p") else default.top_p
    top_logprobs = spec.top_logprobs if spec.HasField("top_logprobs") else None
    if max_tokens is not None and max_tokens < 1:
        raise RequestInvalid("max_output_tokens must be at least 1.", param="max_output_tokens")
    if not 0 <= temperature <= 2:
        raise RequestInvalid("temperature must be from 0 to 2.", param="temperature")
    if not 0 < top_p <= 1:
        raise RequestInvalid("top_p must be above 0 and at most 1.", param="top_p")
    if top_logprobs is not None and not 0 <= top_logprobs <= TOP_LOGPROBS_MAX:
        raise RequestInvalid(f"top_logprobs must be from 0 to {TOP_LOGPROBS_MAX}.", param="top_logprobs")
    return Sampling(max_tokens=max_tokens, temperature=temperature, top_p=top_p, top_logprobs=top_logprobs)


def _to_core_choosing(spec: pb.ResponseSpec, tools: Sequence[OfferedTool]) -> Choosing:
    name = spec.required_tool_name or None
    match spec.tool_choice:
        case "" | "auto" | "none":
            if name is not None:
                raise RequestInvalid(
                    "required_tool_name needs tool_choice required.", param="required_tool_name"
                )
            return Choosing(mode="none" if spec.tool_choice == "none" else "auto")
        case "required":
            if not tools:
                raise RequestInvalid("tool_choice required needs tools.", param="tool_choice")
            if name is not None and all(offered.tool.name != name for offered in tools):
                raise RequestInvalid(
                    "required_tool_name is not the name of one of the tools.", param="required_tool_name"
                )
            return Choosing(mode="required", function=name)
        case _:
            raise RequestInvalid("tool_choice must be auto, none or required.", param="tool_choice")


def _to_core_text(spec: pb.ResponseSpec) -> TextFormat:
    if not spec.HasField("json_format"):
        return TextFormat()
    return TextFormat(json=to_core_format(spec.json_format), name=_FORMAT_NAME)


def _to_core_metadata(given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    if len(given) > METADATA_PAIRS_MAX:
        raise RequestInvalid(f"metadata has at most {METADATA_PAIRS_MAX} pairs.", param="metadata")
    for key, value in given.items():
        check_length("metadata", key, METADATA_KEY_BYTES_MAX)
        check_length("metadata", value, METADATA_VALUE_BYTES_MAX)
    return tuple(sorted(given.items()))


def from_core_response(response: Response, output: Sequence[OutputItem] | None = None) -> pb.Response:
    """`output`: as it was put together already."""
    if output is None:
        output = whole_output(response.id, response.terms, response.pieces)
    usage, failure = response.usage, response.failure
    return pb.Response(
        id=response.id,
        created_at_s=response.created_at_s,
        status=response.status.value,
        spec=_from_core_terms(response.terms),
        output=[from_core_output(one) for one in output],
        usage=None if usage is None else from_core_usage(usage, response.cost_microcredits),
        incomplete_reason=_incomplete_reason(response),
        error_code=failure.code if failure else "",
        error_message=failure.message if failure else "",
        completed_at_s=response.completed_at_s,
    )


def _incomplete_reason(response: Response) -> str:
    if response.status is not Status.INCOMPLETE:
        return ""
    is_filtered = response.finish_reason is FinishReason.CONTENT_FILTER
    return "content_filter" if is_filtered else "max_output_tokens"


def from_core_output(one: OutputItem) -> pb.ResponseItem:
    item = from_core_item(one.item)
    if one.logprobs:
        item.message.logprobs.extend(map(from_core_logprob, one.logprobs))
    return item


def from_core_item(item: Item) -> pb.ResponseItem:
    match item.kind:
        case ItemKind.CALL:
            assert item.call is not None
            call = inference_pb2.ToolCall(
                id=item.call.id, name=item.call.name, arguments_json=item.call.arguments_json
            )
            return pb.ResponseItem(id=item.id, function_call=call)
        case ItemKind.CALL_OUTPUT:
            output = pb.FunctionCallOutput(call_id=item.call_id, output=item.text)
            return pb.ResponseItem(id=item.id, function_call_output=output)
        case ItemKind.REASONING:
            reasoning = pb.Reasoning(summaries=item.summaries, text=item.text, encrypted=item.encrypted or "")
            return pb.ResponseItem(id=item.id, reasoning=reasoning)
        case ItemKind.REFERENCE:
            return pb.ResponseItem(id=item.id, reference=pb.ItemReference())
        case ItemKind.MESSAGE:
            return pb.ResponseItem(id=item.id, message=pb.ResponseMessage(role=item.role, text=item.text))


def _from_core_terms(terms: Terms) -> pb.ResponseSpec:
    spec = pb.ResponseSpec(
        model=terms.model,
        instructions=terms.instructions,
        previous_response_id=terms.previous_response_id or "",
        max_output_tokens=terms.sampling.max_tokens,
        temperature=terms.sampling.temperature,
        top_p=terms.sampling.top_p,
        top_logprobs=terms.sampling.top_logprobs,
        tools=[
            inference_pb2.Tool(
                name=offered.tool.name,
                description=offered.tool.description or "",
                parameters_json=offered.tool.parameters_json or "",
            )
            for offered in terms.tools
        ],
        tool_choice=terms.choosing.mode,
        required_tool_name=terms.choosing.function or "",
        parallel_tool_calls=terms.parallel_tool_calls,
        truncate=terms.truncates,
        store=terms.store,
        background=terms.background,
        metadata=dict(terms.metadata),
    )
    if terms.text.json is not None:
        spec.json_format.CopyFrom(inference_pb2.JsonFormat(schema_json=terms.text.json.schema_json or ""))
    return spec
