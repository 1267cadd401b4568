"""Every operation as the OpenAPI file describes it, with values made from its schemas: what comes back is described too."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.e2e.fuzz.corpus import OPENAPI
from tests.support.http import Http
from tests.support.stack import Stack

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
TIMEOUT_S = 60.0
SCHEMA = schemathesis.openapi.from_dict(OPENAPI)
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]
assert len(OPERATIONS) == sum(map(len, OPENAPI["paths"].values()))
BY_ONE_ADDRESS = [each for each in OPERATIONS if "_" not in each.definition.raw["operationId"]]
"""Of each method the address that it is known by: the others lead to the same code."""


def fuzz(stack: Stack, operation: Any, examples: int) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],  # a failure is shown as it was found: to make it smaller takes minutes
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def send(case: Any) -> None:
        answer = case.call(
            base_url=stack.url, headers={"authorization": f"Bearer {stack.key}"}, timeout=TIMEOUT_S
        )
        case.validate_response(answer, checks=CHECKS)

    send()


def name(operation: Any) -> str:
    return str(operation.definition.raw["operationId"])


@pytest.mark.parametrize("operation", BY_ONE_ADDRESS, ids=name)
def test_some_requests_of_each_operation(fuzzed: Stack, operation: Any) -> None:
    fuzz(fuzzed, operation, 4)


@pytest.mark.long
@pytest.mark.parametrize("operation", OPERATIONS, ids=name)
def test_many_requests_of_each_operation(fuzzed: Stack, operation: Any) -> None:
    fuzz(fuzzed, operation, 100)


def test_the_books_are_right_afterwards(fuzzed: Stack) -> None:
    assert Http(fuzzed.port, fuzzed.key).chat("hello").status == 200
    verified = fuzzed.cli("ledger", "verify", "--json", timeout_s=300)
    assert verified.returncode == 0, verified.stdout
