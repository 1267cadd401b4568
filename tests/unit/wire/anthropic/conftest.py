from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.golden import golden_in


@pytest.fixture
def golden() -> Callable[[str, bytes], None]:
    return golden_in("anthropic")
