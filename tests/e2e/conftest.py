from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.support.customer import Customer
from tests.support.model_clouds import ModelClouds, model_clouds
from tests.support.stack import Stack

from raseed.app.ports import free_ports

SCRIPTED = """\
[scripted]
enabled = true
models = ["scripted", "acme/scripted-1"]
any_model = false
"""
"""Real Triton, and beside it a backend whose every charge can be computed beforehand."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """A test that fails shows what its stacks said."""
    report = yield
    if report.failed:
        used = getattr(item, "funcargs", {}).values()
        for stack in (value for value in used if isinstance(value, Stack)):
            report.sections.append((f"logs of {stack.directory.name}", stack.logs()))
    return report


QUICK_TO_STOP = """\
[core]
drain_s = 0.5
"""


@pytest.fixture(scope="session")
def new_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stack]]:
    """Makes stacks. At the end those that run are stopped, all at once, and none may leave a process behind."""
    made: list[Stack] = []

    def make(name: str, config: str = "", **options: Any) -> Stack:
        made.append(Stack(tmp_path_factory.mktemp(name), config, **options))
        return made[-1]

    yield make
    running = [stack for stack in made if stack.is_running()]
    try:
        for stack in running:
            stack.send(signal.SIGTERM)
        for stack in running:
            assert stack.ended() == 0
    finally:
        for stack in made:
            stack.leave_nothing()


MANY_SIGN_INS = """\
[sign_in]
sends_from_address_per_10_minutes = 1000
sends_from_address_per_day = 1000
"""
"""Everybody who signs in at the shared stack comes from this one machine, however many files do it."""


@pytest.fixture(scope="session")
def clouds() -> Iterator[ModelClouds]:
    """The emulated cloud providers of all stacks."""
    with model_clouds() as clouds:
        yield clouds


@pytest.fixture(scope="session")
def stack(new_stack: Callable[..., Stack], clouds: ModelClouds) -> Stack:
    """The stack that most tests share: nobody breaks it. Its home lies deeper than the path of a socket may be long."""
    [operators_port] = free_ports(1)
    admin = f'[admin]\nlisten = "127.0.0.1:{operators_port}"\n'
    config = f"{SCRIPTED}\n{MANY_SIGN_INS}\n{admin}\n{clouds.config}"
    return new_stack("shared" + "-deep" * 20, config, environ=clouds.environ).start()


@pytest.fixture(scope="session")
def breakable(new_stack: Callable[..., Stack]) -> Stack:
    return new_stack("mortal", QUICK_TO_STOP)


@pytest.fixture
def mortal(breakable: Stack) -> Stack:
    """A running stack with Triton alone, whose parts, or itself, a test may kill. Its home has seen that before."""
    if not breakable.is_running():
        breakable.start()
    return breakable


@pytest.fixture
def customer(stack: Stack) -> Customer:
    """A new account of the shared stack, with 1,000 credits."""
    return stack.customer()
