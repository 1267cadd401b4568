"""The parts of responses, put together."""

from __future__ import annotations

from raseed.adapters.content.responses import ContentResponseStore
from raseed.core.content.ports import ContentStore
from raseed.core.inference.estimate import Estimator
from raseed.core.responses.asking import Asking
from raseed.core.responses.service import ResponseService


def open_responses(content: ContentStore, estimator: Estimator) -> ResponseService:
    store = ContentResponseStore(content)
    return ResponseService(store, Asking(store, estimator))
