"""The fake of Anthropic's API, used by Anthropic's own SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic
from tests.emulators.model_providers.anthropic import MODEL, anthropic_provider, refusal
from tests.emulators.model_providers.provider import API_KEY, ModelProvider
from tests.emulators.server import serve

ONE_TWO: list[Any] = [{"role": "user", "content": "one two three"}]
TOOL: Any = {"name": "look", "input_schema": {"type": "object"}}


@pytest.fixture
def provider() -> ModelProvider:
    return anthropic_provider()


@pytest.fixture
async def sdk(provider: ModelProvider) -> AsyncIterator[AsyncAnthropic]:
    async with (
        serve(provider) as url,
        AsyncAnthropic(base_url=url, api_key=API_KEY, max_retries=0) as client,
    ):
        yield client


async def test_whole_answer(sdk: AsyncAnthropic) -> None:
    answer = await sdk.messages.create(model="claude", max_tokens=2, messages=ONE_TWO)
    assert (answer.model, answer.content[0].text, answer.stop_reason) == (MODEL, "one two ", "max_tokens")  # type: ignore[union-attr]
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (3, 2)


async def test_stream(sdk: AsyncAnthropic) -> None:
    async with sdk.messages.stream(model="claude", max_tokens=9, messages=ONE_TWO) as stream:
        whole = await stream.get_final_message()
    assert (whole.content[0].text, whole.stop_reason) == ("one two three ", "end_turn")  # type: ignore[union-attr]
    assert (whole.usage.input_tokens, whole.usage.output_tokens) == (3, 3)


async def test_calls(sdk: AsyncAnthropic) -> None:
    async with sdk.messages.stream(
        model="claude", max_tokens=9, messages=ONE_TWO, tools=[TOOL], tool_choice={"type": "any"}
    ) as stream:
        [block] = (await stream.get_final_message()).content
    assert (block.type, block.name, block.input) == ("tool_use", "look", {"n": 1})  # type: ignore[union-attr]


async def test_errors(sdk: AsyncAnthropic, provider: ModelProvider) -> None:
    with pytest.raises(anthropic.AuthenticationError):
        await sdk.with_options(api_key="wrong").messages.create(
            model="claude", max_tokens=9, messages=ONE_TWO
        )
    provider.plays.append(refusal(529, "overloaded_error", "Overloaded"))
    with pytest.raises(anthropic.APIStatusError) as busy:
        await sdk.messages.create(model="claude", max_tokens=9, messages=ONE_TWO)
    assert busy.value.status_code == 529
