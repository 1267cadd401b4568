"""One model name over its targets: a backend to the core, whatever happens behind it.

Another target is asked while it is certain that nothing was generated (`TargetRefused`), never after that: what may
have been generated is paid for at its provider, and is not generated again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from raseed.core.errors import (
    BackendLost,
    BackendUnavailable,
    DeadlineExceeded,
    Overloaded,
    PromptTooLong,
    RequestInvalid,
)
from raseed.core.inference.breaker import RetryBudget
from raseed.core.inference.capabilities import check_capabilities
from raseed.core.inference.model import (
    BackendEvent,
    Capability,
    ChatRequest,
    Delta,
    Finish,
    ModelCard,
    Role,
    Usage,
    UsageSource,
)
from raseed.core.inference.ports import Generation, Prepared
from raseed.core.inference.targets import (
    Outcome,
    Refusal,
    Report,
    Target,
    TargetRefused,
    in_order,
    refused_by_all,
    why,
)

ATTEMPTS_MAX = 4
"""Targets asked for one request. Whoever waits for a fifth has waited for four failures."""
_SAYS_OF_IT = {
    Outcome.ANSWERED: True,
    Outcome.INVALID: True,  # it works, and says what is wrong with the request
    Outcome.LEFT: None,
    Refusal.BUSY: None,  # it is well, and says when to come back
}
"""Whether it works; None: nothing. Everything else is a failure."""
REST_S = 1.0
"""How long a target that is full is left alone when it does not say."""


@dataclass(frozen=True, slots=True)
class _Option:
    """A target that can do what a request asks."""

    target: Target
    prepared: Prepared


class TargetedBackend:
    """Implements the port `ModelBackend` for one name. `report` is told of every time that a target was asked."""

    def __init__(
        self,
        card: ModelCard,
        targets: Sequence[Target],
        report: Report,
        budget: RetryBudget | None = None,
    ) -> None:
        self.name = card.id
        self.targets = tuple(targets)
        self._card = replace(card, capabilities=self.capabilities(card.id))
        self._report = report
        self._budget = budget or RetryBudget()

    def models(self) -> Sequence[ModelCard]:
        return [self._card]

    def serves(self, model: str) -> bool:
        return model == self.name

    def capabilities(self, model: str) -> frozenset[Capability]:
        """What at least one target can. A request goes to those alone that can do all of it."""
        return frozenset().union(*(each.backend.capabilities(each.model) for each in self.targets))

    async def prepare(self, request: ChatRequest) -> Prepared:
        """For every target that can do it, so that the hold covers whichever answers."""
        options: list[_Option] = []
        reason: RequestInvalid | None = None
        for target in self.targets:
            try:
                check_capabilities(request, target.backend.capabilities(target.model))
                prepared = await target.backend.prepare(replace(request, model=target.model))
            except RequestInvalid as error:
                if reason is None or isinstance(error, PromptTooLong):
                    reason = error
            else:
                options.append(_Option(target, prepared))
        if reason is not None and not options:
            raise reason
        return Prepared(
            request=request,
            prompt_tokens=max(option.prepared.prompt_tokens for option in options),
            max_tokens=max(option.prepared.max_tokens for option in options),
            prompt_text=options[0].prepared.prompt_text,
            native=tuple(options),
        )

    async def start(
        self, prepared: Prepared, *, run_id: str, max_tokens: int, timeout_s: float
    ) -> TargetedGeneration:
        """Asks nobody yet: the first `next` does, so that it can be cancelled meanwhile."""
        assert isinstance(prepared.native, tuple)
        options = {option.target.name: option for option in prepared.native}
        ordered = in_order([option.target for option in prepared.native], _beginning(prepared.request))
        # What differs between the choices of one request, its seed, is in `prepared`, not in what lies in it.
        sampling = prepared.request.sampling
        self._budget.note_request()
        return TargetedGeneration(
            [
                _Option(
                    target,
                    replace(
                        options[target.name].prepared,
                        request=replace(options[target.name].prepared.request, sampling=sampling),
                    ),
                )
                for target in ordered
            ],
            _Terms(run_id, max_tokens, timeout_s),
            self._budget,
            self._report,
        )

    async def is_ready(self) -> bool:
        return any(target.breaker.is_closed for target in self.targets)


@dataclass(frozen=True, slots=True)
class _Terms:
    run_id: str
    max_tokens: int
    timeout_s: float


class TargetedGeneration:
    """Implements the port `Generation`."""

    def __init__(
        self, options: Sequence[_Option], terms: _Terms, budget: RetryBudget, report: Report
    ) -> None:
        self.served_by = options[0].target.name
        self._options = list(options)
        self._targets = [option.target for option in options]
        self._terms = terms
        self._budget = budget
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._ends_at = self._loop.time() + terms.timeout_s
        self._target: Target | None = None
        """Being asked now; whoever clears it tells it how that ended."""
        self._generation: Generation | None = None
        self._has_begun = False
        """A first event came: from now on nobody else is asked."""
        self._is_cancelled = False

    async def next(self) -> BackendEvent:
        try:
            if self._has_begun:
                assert self._generation is not None
                return self._seen(await self._generation.next())
            return self._seen(await self._first())
        except BackendLost as error:
            self._end(Outcome.LOST, why(error))
            raise
        except BackendUnavailable as error:
            self._end(Outcome.UNKNOWN, why(error))
            raise
        except RequestInvalid:
            self._end(Outcome.INVALID)
            raise

    async def cancel(self) -> None:
        self._is_cancelled = True
        if self._generation is not None:
            await self._generation.cancel()

    async def close(self) -> None:
        self._end(Outcome.LEFT)
        if self._generation is not None:
            generation, self._generation = self._generation, None
            await generation.close()

    async def _first(self) -> BackendEvent:
        last: TargetRefused | None = None
        attempts = 0
        while not self._is_cancelled:
            left_s = self._ends_at - self._loop.time()
            if left_s <= 0:
                raise DeadlineExceeded("The model did not answer in the time allowed.")
            option = self._take(attempts)
            if option is None:
                raise refused_by_all(self._targets, last)
            attempts += 1
            try:
                return await self._ask(option, left_s)
            except TargetRefused as refused:
                last = refused
                self._note(option.target, refused)
            if self._generation is not None:
                generation, self._generation = self._generation, None
                await generation.close()
        return Finish(
            finish_reason=None, usage=Usage(prompt_tokens=0, completion_tokens=0, source=UsageSource.COUNTED)
        )

    def _take(self, attempts: int) -> _Option | None:
        """The next one that may be asked, if any and within the budget; it is not asked again."""
        if attempts >= ATTEMPTS_MAX:
            return None
        for option in self._options:
            if option.target.may_begin():
                if attempts and not self._budget.take():
                    return None
                self._options.remove(option)
                return option
        return None

    async def _ask(self, option: _Option, left_s: float) -> BackendEvent:
        target, prepared = option.target, option.prepared
        target.begin()
        self._target = target
        self.served_by = target.name
        try:
            self._generation = await target.backend.start(
                prepared,
                run_id=self._terms.run_id,
                max_tokens=min(self._terms.max_tokens, prepared.max_tokens),
                timeout_s=left_s,
            )
        except BackendUnavailable as error:
            raise TargetRefused(Refusal.UNREACHABLE, "it cannot be reached") from error
        except Overloaded as error:
            raise _full(error) from error
        if self._is_cancelled:
            await self._generation.cancel()
        try:
            return await self._generation.next()
        except Overloaded as error:
            raise _full(error) from error

    def _seen(self, event: BackendEvent) -> BackendEvent:
        self._has_begun = True
        if isinstance(event, Delta):
            return event
        self._end(Outcome.ANSWERED if event.finish_reason else Outcome.LEFT)
        return event

    def _note(self, target: Target, refused: TargetRefused) -> None:
        if refused.refusal is Refusal.BUSY:
            target.breaker.rest(REST_S if refused.retry_after_s is None else refused.retry_after_s)
        self._end(refused.refusal, refused.detail)

    def _end(self, outcome: Outcome | Refusal, detail: str = "") -> None:
        """Of asking the target that is being asked, if one is."""
        if self._target is not None:
            target, self._target = self._target, None
            target.end(succeeded=_SAYS_OF_IT.get(outcome, False))
            self._report(target.name, outcome, detail)


def _beginning(request: ChatRequest) -> Random:
    """The same draw for all turns of a conversation: providers keep prompts that begin alike, and charge less for them.

    It is drawn anew for each first message, so that many conversations are spread as the weights say.
    """
    first = 1 + next((at for at, each in enumerate(request.messages) if each.role is Role.USER), 0)
    said = [(each.role.value, each.text) for each in request.messages[:first]]
    return Random(repr((said, [tool.name for tool in request.tools])))  # noqa: S311 - spreads load, guards nothing


def _full(error: Overloaded) -> TargetRefused:
    """A local engine has no room, and runs nothing."""
    return TargetRefused(Refusal.BUSY, "it is full", error.retry_after_s)
