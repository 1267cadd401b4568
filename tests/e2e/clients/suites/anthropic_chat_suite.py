"""LangChain's own standard suite for chat models, over ChatAnthropic."""

from __future__ import annotations

from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from standard import KEY, SCRIPTED, TIMEOUT_S, URL, scripted


class ScriptedChatAnthropic(ChatAnthropic):
    def _get_request_payload(self, *arguments: Any, **named: Any) -> dict[str, Any]:
        return scripted(super()._get_request_payload(*arguments, **named))


class TestChatAnthropic(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ScriptedChatAnthropic

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": SCRIPTED,
            "base_url": URL,
            "api_key": KEY,
            "timeout": TIMEOUT_S,
            "max_retries": 0,
            "max_tokens": 200,
        }

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "acme/scripted-1"
