"""Emulated cloud providers for stacks in processes of their own, on a loop of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field

from tests.emulators.model_providers.openai import openai_provider
from tests.emulators.model_providers.provider import API_KEY, ModelProvider
from tests.emulators.server import serve

START_S = 30.0
NAMES = ("cloud", "cloud-two", "cloud-broken")
"""Each over both providers, the first one first. A test that breaks a target has a name of its own."""


@dataclass
class ModelClouds:
    first: ModelProvider = field(default_factory=openai_provider)
    second: ModelProvider = field(default_factory=openai_provider)

    @property
    def config(self) -> str:
        targets = "".join(
            _target(name, provider, priority)
            for name in NAMES
            for priority, provider in enumerate(("first", "second"))
        )
        return self._accounts() + targets

    @property
    def spill_config(self) -> str:
        """The local model, and the first provider when it cannot."""
        return self._accounts() + _target("raseed-tiny", "triton", 0) + _target("raseed-tiny", "first", 1)

    @property
    def environ(self) -> Mapping[str, str]:
        return {
            "RASEED_PROVIDER_FIRST_API_KEY": API_KEY,
            "RASEED_PROVIDER_SECOND_API_KEY": API_KEY,
        }

    def forget(self) -> None:
        """What was asked, and what was to be played."""
        for provider in (self.first, self.second):
            provider.served.asked.clear()
            provider.plays.clear()
            provider.always = None

    def asked(self) -> tuple[int, int]:
        return len(self.first.served.asked), len(self.second.served.asked)

    def _accounts(self) -> str:
        return "".join(
            f'\n[[providers]]\nname = "{name}"\nkind = "openai"\nallow_private = true\nurl = "{provider.served.url}/v1"\n'
            for name, provider in (("first", self.first), ("second", self.second))
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
            for provider in (clouds.first, clouds.second):
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
