"""What a request would cost, before it is sent."""

from __future__ import annotations

from dataclasses import dataclass

from raseed.core.accounts.model import Caller
from raseed.core.billing.price_book import PriceBook, PricesInForce
from raseed.core.billing.pricing import cost_of_tokens
from raseed.core.clock import Clock
from raseed.core.inference.capabilities import check_capabilities
from raseed.core.inference.model import ChatRequest
from raseed.core.inference.routing import Router
from raseed.core.inference.work import prepare_work
from raseed.core.limits.service import LimitService


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    model: str
    prompt_tokens: int
    max_completion_tokens: int
    min_cost_microcredits: int
    """With an answer of one token: what has to be spendable for the request to be admitted."""
    max_cost_microcredits: int
    price_version: str


class Estimator:
    """Counts a prompt as its model does, and prices it as a request of this caller would be priced now."""

    def __init__(self, router: Router, prices: PriceBook, limits: LimitService, clock: Clock) -> None:
        self._router = router
        self._limits = limits
        self._prices = PricesInForce(prices, clock)

    async def estimate(self, caller: Caller, request: ChatRequest) -> Estimate:
        """Nothing is generated, held or charged. Raises ModelUnknown, ModelNotAllowed, PriceUnknown, RequestInvalid,
        PromptTooLong.
        """
        route = self._router.route(request.model)
        price = self._prices.snapshot(request.model, caller.tier)
        check_capabilities(request, route.capabilities(request.model))
        self._limits.check_model(caller, request.model, (card.id for card in self._router.cards()))
        work = await prepare_work(route, self._limits.within_tier(caller, request))
        return Estimate(
            model=request.model,
            prompt_tokens=work.prompt_tokens,
            max_completion_tokens=work.max_tokens,
            min_cost_microcredits=cost_of_tokens(price, work.prompt_tokens, 1),
            max_cost_microcredits=cost_of_tokens(price, work.prompt_tokens, work.max_tokens),
            price_version=price.version,
        )
