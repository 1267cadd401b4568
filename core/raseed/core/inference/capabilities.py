"""Whether a model can do what a request asks. What it cannot do is refused by name, and never dropped in silence."""

from __future__ import annotations

from raseed.core.errors import RequestInvalid
from raseed.core.inference.model import (
    Capability,
    ChatRequest,
    EmbeddingRequest,
    MediaKind,
    ModelRequest,
    ToolChoice,
)

_MEDIA = {
    MediaKind.IMAGE: Capability.IMAGES,
    MediaKind.AUDIO: Capability.AUDIO,
    MediaKind.FILE: Capability.FILES,
}


def check_capabilities(request: ModelRequest, has: frozenset[Capability]) -> None:
    """Raises RequestInvalid for the first thing that the model cannot do, with OpenAI's name of the field."""
    if isinstance(request, EmbeddingRequest):
        _check_embedding(request, has)
    else:
        _check_chat(request, has)


def _check_embedding(request: EmbeddingRequest, has: frozenset[Capability]) -> None:
    _need(Capability.EMBEDDINGS, has, "model", "This model does not make embeddings")
    if request.dimensions is not None:
        _need(Capability.DIMENSIONS, has, "dimensions", "The embeddings of this model have one length")


def _check_chat(request: ChatRequest, has: frozenset[Capability]) -> None:
    if request.prompts:
        _need(Capability.COMPLETIONS, has, "prompt", "This model does not continue prompts")
        if request.suffix is not None:
            _need(Capability.SUFFIX, has, "suffix", "This model does not fill in the middle")
        if request.best is not None:
            _need(Capability.LOGPROBS, has, "best_of", "This model does not say how likely its answers are")
    else:
        _need(Capability.CHAT, has, "messages", "This model does not answer messages")
    if request.tools:
        _need(Capability.TOOLS, has, "tools", "This model does not call tools")
        if request.tool_choice is not ToolChoice.AUTO:
            _need(Capability.TOOL_CHOICE, has, "tool_choice", "This model cannot be made to call a tool")
    if (answer := request.json_format) is not None:
        if answer.schema_json is None:
            _need(Capability.JSON_OBJECT, has, "response_format", "This model cannot be held to JSON")
        else:
            _need(
                Capability.JSON_SCHEMA, has, "response_format", "This model cannot be held to a JSON schema"
            )
    sampling = request.sampling
    if sampling.top_logprobs is not None:
        _need(Capability.LOGPROBS, has, "logprobs", "This model does not return log probabilities")
    if sampling.logit_bias:
        _need(Capability.LOGIT_BIAS, has, "logit_bias", "It is not supported with this model")
    if sampling.presence_penalty:
        _need(Capability.PENALTIES, has, "presence_penalty", "It is not supported with this model")
    if sampling.frequency_penalty:
        _need(Capability.PENALTIES, has, "frequency_penalty", "It is not supported with this model")
    for index, message in enumerate(request.messages):
        for media in message.media:
            param = f"messages.[{index}].content"
            _need(_MEDIA[media.kind], has, param, f"This model does not take {media.kind} parts")


def _need(capability: Capability, has: frozenset[Capability], param: str, reason: str) -> None:
    if capability not in has:
        raise RequestInvalid(
            f"Unsupported parameter: '{param}'. {reason}.", param=param, code="unsupported_parameter"
        )
