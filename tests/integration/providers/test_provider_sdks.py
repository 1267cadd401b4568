"""The fakes of providers, each used by its provider's own SDK, which lives in the clients' environment."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.emulators.model_providers.gemini import gemini_provider
from tests.emulators.model_providers.ollama import ollama_provider
from tests.emulators.model_providers.openai import GROQ, MISTRAL, openai_provider
from tests.emulators.model_providers.provider import API_KEY, ModelProvider
from tests.emulators.server import serve

PYTHON = Path(__file__).resolve().parents[3] / ".venv-clients/bin/python"
SCRIPTS = Path(__file__).parent / "sdks"
TIMEOUT_S = 120.0
UNDERSTOOD = {
    "text": "one two ",
    "reason": "length",
    "usage": [3, 2],
    "streamed": "one two three ",
    "streamed usage": 6,
    "refused": 401,
}


async def run(script: str, provider: ModelProvider) -> Any:
    async with serve(provider) as url, asyncio.timeout(TIMEOUT_S):
        process = await asyncio.create_subprocess_exec(
            PYTHON,
            SCRIPTS / script,
            url,
            API_KEY,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            said, broken = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, broken.decode()
    return json.loads(said)


@pytest.mark.parametrize(("script", "manner"), [("use_groq.py", GROQ), ("use_mistral.py", MISTRAL)])
async def test_those_who_speak_openais_wire(script: str, manner: Any) -> None:
    assert await run(script, openai_provider(manner)) == UNDERSTOOD


async def test_ollama() -> None:
    assert await run("use_ollama.py", ollama_provider()) == UNDERSTOOD | {
        "called": ["look", {"n": 1}],
        "refused": 404,
    }


async def test_google() -> None:
    assert await run("use_google_genai.py", gemini_provider()) == UNDERSTOOD | {
        "reason": "MAX_TOKENS",
        "called": ["look", {"n": 1}],
        "refused": 400,
    }
