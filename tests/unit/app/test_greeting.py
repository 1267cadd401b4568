"""What `raseed up` prints when it is ready names a model that answers."""

from __future__ import annotations

import pytest

from raseed.app.main import _first_model
from raseed.app.settings.configuration import Settings
from raseed.app.settings.server import Scripted, Triton


@pytest.mark.parametrize(
    ("settings", "model"),
    [
        (Settings(), "raseed-tiny"),
        (Settings(scripted=Scripted(enabled=True)), "raseed-tiny"),
        (Settings(triton=Triton(enabled=False), scripted=Scripted(enabled=True, models=("a", "b"))), "a"),
        (Settings(triton=Triton(address="triton:8001")), "MODEL"),
        (Settings(triton=Triton(enabled=False)), "MODEL"),
    ],
)
def test_the_curl_names_a_model_that_is_there(settings, model):
    assert _first_model(settings) == model
