"""LlamaIndex, by the class that it has for servers of OpenAI's API."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel
from standard import KEY, SCRIPTED, TIMEOUT_S, URL

CALLS = "#script tokens=2 tool=weather tools=2"


def model(**fields: Any) -> OpenAILike:
    return OpenAILike(
        **{
            "model": SCRIPTED,
            "api_base": f"{URL}/v1",
            "api_key": KEY,
            "is_chat_model": True,
            "is_function_calling_model": True,
            "context_window": 4096,
            "max_tokens": 200,
            "max_retries": 0,
            "timeout": TIMEOUT_S,
            **fields,
        }
    )


def asked(text: str) -> list[ChatMessage]:
    return [ChatMessage(role="user", content=text)]


def weather(n: int) -> str:
    """The weather of a place."""
    return f"sunny {n}"


class City(BaseModel):
    """A city."""

    name: str


TOOL = FunctionTool.from_defaults(weather)


def test_chat() -> None:
    answer = model().chat(asked("one two three"))
    assert answer.message.content == "one two three"
    assert answer.additional_kwargs["completion_tokens"] == 3


def test_stream() -> None:
    pieces = [piece.delta for piece in model().stream_chat(asked("one 👩‍👩‍👧 three"))]
    assert "".join(piece or "" for piece in pieces) == "one 👩‍👩‍👧 three"
    assert len(pieces) > 1


async def test_async() -> None:
    llm = model()
    assert (await llm.achat(asked("one two"))).message.content == "one two"
    stream = await llm.astream_chat(asked("one two"))
    assert "".join([piece.delta or "" async for piece in stream]) == "one two"


def test_completions() -> None:
    llm = model(is_chat_model=False, is_function_calling_model=False)
    assert llm.complete("one two three").text == "one two three"
    assert "".join(piece.delta or "" for piece in llm.stream_complete("one two")) == "one two"


def test_tools() -> None:
    llm = model()
    answer = llm.chat_with_tools([TOOL], user_msg=CALLS, allow_parallel_tool_calls=True)
    calls = llm.get_tool_calls_from_response(answer)
    assert [(call.tool_name, call.tool_kwargs) for call in calls] == [("weather", {"n": 1})] * 2
    assert len({call.tool_id for call in calls}) == 2
    *_, last = llm.stream_chat_with_tools([TOOL], user_msg=CALLS, allow_parallel_tool_calls=True)
    streamed = llm.get_tool_calls_from_response(last)
    assert [(call.tool_name, call.tool_kwargs) for call in streamed] == [("weather", {"n": 1})] * 2


@pytest.mark.parametrize("as_structured", [False, True], ids=["by a tool", "by a schema"])
def test_an_object(as_structured: bool) -> None:
    llm = model(should_use_structured_outputs=as_structured)
    made = llm.as_structured_llm(City).chat(asked("Which?"))
    assert isinstance(made.raw, City)
    assert made.raw.name


def test_errors() -> None:
    with pytest.raises(openai.AuthenticationError):
        model(api_key="rsd_live_no").chat(asked("Hello"))
    with pytest.raises(openai.NotFoundError):
        model(model="none").chat(asked("Hello"))
    with pytest.raises(openai.APIError):
        list(model().stream_chat(asked("#script tokens=9 fail_at=2")))
