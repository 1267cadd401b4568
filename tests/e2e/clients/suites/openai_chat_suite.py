"""LangChain's own standard suite for chat models, over ChatOpenAI."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests
from standard import KEY, SCRIPTED, TIMEOUT_S, URL, scripted


class ScriptedChatOpenAI(ChatOpenAI):
    def _get_request_payload(self, *arguments: Any, **named: Any) -> dict[str, Any]:
        return scripted(super()._get_request_payload(*arguments, **named))


class TestChatOpenAI(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ScriptedChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": SCRIPTED,
            "base_url": f"{URL}/v1",
            "api_key": KEY,
            "timeout": TIMEOUT_S,
            "max_retries": 0,
            "max_tokens": 200,
            "stream_usage": True,
        }

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "acme/scripted-1"
