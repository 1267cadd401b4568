"""The fakes of providers, each used by its provider's own SDK, which lives in the clients' environment."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from pathlib import Path
from typing import Any

import pytest
from tests.emulators.model_providers.bedrock import bedrock_provider
from tests.emulators.model_providers.gemini import gemini_provider
from tests.emulators.model_providers.ollama import ollama_provider
from tests.emulators.model_providers.openai import GROQ, MISTRAL, openai_provider
from tests.emulators.model_providers.provider import API_KEY, ModelProvider
from tests.emulators.server import serve
from tests.support.certificate import make_certificate

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


async def run(script: str, provider: ModelProvider, secured: Path | None = None) -> Any:
    """`secured`: served with a certificate that is put there."""
    context, environ = None, {}
    if secured is not None:
        certificate, key = make_certificate(secured, "localhost")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        environ = {"AWS_CA_BUNDLE": str(certificate)}
    async with serve(provider, tls=context) as address, asyncio.timeout(TIMEOUT_S):
        url = address.replace("127.0.0.1", "localhost") if secured else address
        process = await asyncio.create_subprocess_exec(
            PYTHON,
            SCRIPTS / script,
            url,
            API_KEY,
            env=os.environ | environ,
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


async def test_aws(tmp_path: Path) -> None:
    """It sends keys over TLS alone."""
    assert await run("use_botocore.py", bedrock_provider(), tmp_path) == UNDERSTOOD | {
        "reason": "max_tokens",
        "called": ["look", {"n": 1}],
        "refused": 403,
    }


async def test_google() -> None:
    assert await run("use_google_genai.py", gemini_provider()) == UNDERSTOOD | {
        "reason": "MAX_TOKENS",
        "called": ["look", {"n": 1}],
        "refused": 400,
    }
