"""The providers that are known: where they are, how they are spoken to, and what their models can unless a target says
otherwise. A new one that speaks a known wire is one more entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from raseed.adapters.providers.anthropic_messages import AnthropicMessages
from raseed.adapters.providers.bedrock_converse import BedrockConverse
from raseed.adapters.providers.gemini_generate import GeminiGenerate
from raseed.adapters.providers.ollama_chat import OllamaChat
from raseed.adapters.providers.openai_chat import OpenAIChat
from raseed.adapters.providers.openai_request import OPENAI, Dialect
from raseed.adapters.providers.wire import Wire
from raseed.core.inference.model import Capability

OF_CHAT = frozenset(Capability) - {
    Capability.COMPLETIONS,
    Capability.SUFFIX,
    Capability.EMBEDDINGS,
    Capability.DIMENSIONS,
}
"""What a target may be able to."""
_JSON = {Capability.JSON_OBJECT, Capability.JSON_SCHEMA}
_TOOLS = {Capability.TOOLS, Capability.TOOL_CHOICE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of provider."""

    wire: Callable[[], Wire]
    url: str = ""
    """Its own address; empty: the operator says it."""
    needs_key: bool = True
    headers: Callable[[str], Mapping[str, str]]
    """With the credential, for a key that is not empty."""
    capabilities: frozenset[Capability] = OF_CHAT


def _chat(beside: set[Capability]) -> frozenset[Capability]:
    return frozenset(beside | {Capability.CHAT})


def _bearer(key: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _api_key(key: str) -> Mapping[str, str]:
    return {"api-key": key}


def _anthropic(key: str) -> Mapping[str, str]:
    return {"x-api-key": key, "anthropic-version": "2023-06-01"}


def _google(key: str) -> Mapping[str, str]:
    return {"x-goog-api-key": key}


def _compatible(dialect: Dialect) -> Callable[[], Wire]:
    return lambda: OpenAIChat(dialect)


KINDS: Mapping[str, Kind] = {
    "openai": Kind(wire=_compatible(OPENAI), url="https://api.openai.com/v1", headers=_bearer),
    "anthropic": Kind(
        wire=AnthropicMessages,
        url="https://api.anthropic.com",
        headers=_anthropic,
        capabilities=_chat(_TOOLS | {Capability.JSON_SCHEMA, Capability.IMAGES, Capability.FILES}),
    ),
    "gemini": Kind(
        wire=GeminiGenerate,
        url="https://generativelanguage.googleapis.com",
        headers=_google,
        capabilities=OF_CHAT - {Capability.LOGPROBS, Capability.LOGIT_BIAS},
    ),
    # In one region: https://bedrock-runtime.REGION.amazonaws.com, with an API key of Bedrock.
    "bedrock": Kind(
        wire=BedrockConverse,
        headers=_bearer,
        capabilities=_chat(_TOOLS | {Capability.IMAGES, Capability.FILES}),
    ),
    # Any server that speaks OpenAI's chat completions.
    "openai-compatible": Kind(wire=_compatible(Dialect()), needs_key=False, headers=_bearer),
    # The v1 API, whose models are the names of deployments: https://NAME.openai.azure.com/openai/v1.
    "azure-openai": Kind(wire=_compatible(OPENAI), headers=_api_key),
    "mistral": Kind(
        # It refuses fields that it does not know, stream_options among them, and reports usage in every stream.
        wire=_compatible(
            Dialect(seed="random_seed", required="any", takes_stream_options=False, takes_top_k=False)
        ),
        url="https://api.mistral.ai/v1",
        headers=_bearer,
        capabilities=_chat(_TOOLS | _JSON | {Capability.PENALTIES, Capability.IMAGES}),
    ),
    "deepseek": Kind(
        wire=_compatible(Dialect(takes_parallel_tool_calls=False, takes_top_k=False)),
        url="https://api.deepseek.com",
        headers=_bearer,
        capabilities=_chat(_TOOLS | {Capability.JSON_OBJECT, Capability.LOGPROBS, Capability.PENALTIES}),
    ),
    "groq": Kind(
        wire=_compatible(Dialect(max_tokens="max_completion_tokens", takes_top_k=False)),
        url="https://api.groq.com/openai/v1",
        headers=_bearer,
        capabilities=_chat(_TOOLS | _JSON | {Capability.IMAGES}),
    ),
    "openrouter": Kind(wire=_compatible(Dialect()), url="https://openrouter.ai/api/v1", headers=_bearer),
    "vllm": Kind(wire=_compatible(Dialect()), needs_key=False, headers=_bearer),
    "ollama": Kind(
        wire=OllamaChat,
        needs_key=False,
        headers=_bearer,
        capabilities=_chat({Capability.TOOLS, Capability.PENALTIES, Capability.IMAGES} | _JSON),
    ),
}
