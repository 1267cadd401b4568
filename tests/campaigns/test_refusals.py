"""The judge of refusals judges: it finds those that were false, wherever between holds and settlements they lie."""

from __future__ import annotations

import pytest
from tests.campaigns.refusals import Refusal, Run, is_false

GRANT = 100
RUNS = [
    Run(opened_at=1, closed_at=10, amount=50, cost=10),
    Run(opened_at=2, closed_at=12, amount=50, cost=30),
    Run(opened_at=11, closed_at=14, amount=40, cost=40),
]


@pytest.mark.parametrize(
    ("available", "held", "left"),
    [
        pytest.param(50, 50, 90, id="after the first hold"),
        pytest.param(0, 100, 60, id="after the second"),
        pytest.param(0, 90, 20, id="after a settlement and a third hold"),
        pytest.param(20, 40, 20, id="after the second settlement"),
        pytest.param(20, 0, 20, id="after the last"),
        pytest.param(10, 90, 60, id="the second was smaller before it grew"),
    ],
)
def test_a_refusal_is_false_while_open_runs_leave_what_it_needs(available, held, left):
    assert is_false(Refusal(left, available, held), GRANT, RUNS)
    assert not is_false(Refusal(left + 1, available, held), GRANT, RUNS)
