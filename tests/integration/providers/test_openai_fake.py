"""The fake of OpenAI's API, used by OpenAI's own SDK: what it cannot read, we need not read either."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from tests.emulators.model_providers.openai import MODEL, openai_provider, refusal
from tests.emulators.model_providers.provider import API_KEY
from tests.emulators.server import serve

ONE_TWO: list[Any] = [{"role": "user", "content": "one two three"}]
TOOL: Any = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


@pytest.fixture
async def sdk() -> AsyncIterator[AsyncOpenAI]:
    async with (
        serve(openai_provider()) as url,
        AsyncOpenAI(base_url=f"{url}/v1", api_key=API_KEY, max_retries=0) as client,
    ):
        yield client


async def test_whole_answer(sdk: AsyncOpenAI) -> None:
    answer = await sdk.chat.completions.create(model="gpt", messages=ONE_TWO)
    assert (answer.model, answer.choices[0].message.content) == (MODEL, "one two three ")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (3, 3)


async def test_stream_with_its_usage(sdk: AsyncOpenAI) -> None:
    async with sdk.chat.completions.stream(
        model="gpt", messages=ONE_TWO, stream_options={"include_usage": True}
    ) as stream:
        whole = await stream.get_final_completion()
    assert whole.choices[0].message.content == "one two three "
    assert whole.usage is not None
    assert whole.usage.total_tokens == 6


async def test_stream_without_usage(sdk: AsyncOpenAI) -> None:
    stream = await sdk.chat.completions.create(model="gpt", messages=ONE_TWO, stream=True, max_tokens=2)
    chunks = [chunk async for chunk in stream]
    assert [chunk.usage for chunk in chunks if chunk.usage] == []
    assert chunks[-1].choices[0].finish_reason == "length"


async def test_calls(sdk: AsyncOpenAI) -> None:
    async with sdk.chat.completions.stream(
        model="gpt", messages=ONE_TWO, tools=[TOOL], tool_choice="required"
    ) as stream:
        [call] = (await stream.get_final_completion()).choices[0].message.tool_calls or []
    assert (call.id, call.function.name, call.function.arguments) == ("call_upstream", "look", '{"n":1}')


async def test_errors(sdk: AsyncOpenAI) -> None:
    with pytest.raises(openai.AuthenticationError):
        await sdk.with_options(api_key="wrong").chat.completions.create(model="gpt", messages=ONE_TWO)
    with pytest.raises(openai.BadRequestError) as unknown:
        await sdk.chat.completions.create(model="gpt", messages=ONE_TWO, extra_body={"top_k": 3})
    assert unknown.value.param == "top_k"


async def test_busy() -> None:
    provider = openai_provider()
    provider.plays.append(refusal(429, "Rate limit reached", "rate_limit_exceeded", kind="requests"))
    async with (
        serve(provider) as url,
        AsyncOpenAI(base_url=f"{url}/v1", api_key=API_KEY, max_retries=0) as sdk,
    ):
        with pytest.raises(openai.RateLimitError):
            await sdk.chat.completions.create(model="gpt", messages=ONE_TWO)
