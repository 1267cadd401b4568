"""Emulated cloud providers for stacks in processes of their own, on a loop of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field

from tests.emulators.model_providers.anthropic import anthropic_provider
from tests.emulators.model_providers.gemini import gemini_provider
from tests.emulators.model_providers.openai import openai_provider
from tests.emulators.model_providers.provider import API_KEY, ModelProvider
from tests.emulators.server import serve

START_S = 30.0
CLAUDE = "cloud-claude"
GEMINI = "cloud-gemini"
"""Behind Anthropic's wire, and Google's."""
NAMES = ("cloud", "cloud-two", "cloud-broken")
"""Each over both providers, the first one first. A test that breaks a target has a name of its own."""


@dataclass
class ModelClouds:
    first: ModelProvider = field(default_factory=openai_provider)
    second: ModelProvider = field(default_factory=openai_provider)
    claude: ModelProvider = field(default_factory=anthropic_provider)
    gemini: ModelProvider = field(default_factory=gemini_provider)

    @property
    def config(self) -> str:
        targets = "".join(
            _target(name, provider, priority)
            for name in NAMES
            for priority, provider in enumerate(("first", "second"))
        )
        return self._accounts() + targets + _target(CLAUDE, "claude", 0) + _target(GEMINI, "gemini", 0)

    @property
    def spill_config(self) -> str:
        """The local model, and the first provider when it cannot."""
        return self._accounts() + _target("raseed-tiny", "triton", 0) + _target("raseed-tiny", "first", 1)

    @property
    def environ(self) -> Mapping[str, str]:
        return {f"RASEED_PROVIDER_{name.upper()}_API_KEY": API_KEY for name in self.all()}

    def forget(self) -> None:
        """What was asked, and what was to be played."""
        for provider, _ in self.all().values():
            provider.served.asked.clear()
            provider.plays.clear()
            provider.always = None

    def asked(self) -> tuple[int, int]:
        return len(self.first.served.asked), len(self.second.served.asked)

    def all(self) -> Mapping[str, tuple[ModelProvider, str]]:
        """Each with what its settings say beside its name."""
        return {
            "first": (self.first, 'kind = "openai"\nurl = "{url}/v1"'),
            "second": (self.second, 'kind = "openai"\nurl = "{url}/v1"'),
            "gemini": (self.gemini, 'kind = "gemini"\nurl = "{url}"'),
            "claude": (self.claude, 'kind = "anthropic"\nurl = "{url}"'),
        }

    def _accounts(self) -> str:
        return "".join(
            f'\n[[providers]]\nname = "{name}"\nallow_private = true\n{said.format(url=provider.served.url)}\n'
            for name, (provider, said) in self.all().items()
        )


def _target(model: str, provider: str, priority: int) -> str:
    upstream = "" if provider == "triton" else 'upstream_model = "gpt-upstream"\n'
    return f'\n[[targets]]\nmodel = "{model}"\nprovider = "{provider}"\npriority = {priority}\n{upstream}'


@contextmanager
def model_clouds() -> Iterator[ModelClouds]:
    clouds = ModelClouds()
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def run() -> None:
        async with AsyncExitStack() as stack:
            for provider, _ in clouds.all().values():
                await stack.enter_async_context(serve(provider))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    assert ready.wait(START_S), "the providers are served"
    try:
        yield clouds
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(START_S)
        loop.close()
