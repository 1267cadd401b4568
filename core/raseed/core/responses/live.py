"""Responses that this worker runs in the background: read to their end, whoever follows them or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from raseed.core.errors import CapacityError, RaseedError, RequestTooLarge, StorageQuotaExceeded
from raseed.core.ids import AccountId
from raseed.core.inference.model import Delta
from raseed.core.inference.run import Ended, Run, Stage
from raseed.core.responses.model import Response, ResponseId
from raseed.core.responses.outcome import as_kept, cancelled, ended, failed
from raseed.core.responses.ports import ResponseStore

KEEP_ATTEMPTS_MAX = 8
KEEP_PAUSE_S = 0.25
"""Pause after the first attempt to keep an end that the store did not take; doubled each time: half a minute in all."""


class LiveResponse:
    """One response, its run, and what has come of it. Used on one event loop."""

    def __init__(self, account_id: AccountId, response: Response, version: str, run: Run) -> None:
        self.account_id = account_id
        self.response = response
        self.version = version
        self.run = run
        self.pieces: list[Delta] = []
        self.is_over = False
        """Whether its record tells the end."""
        self.admission: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()
        """Waited for by whoever asks for the response: done when its model was called. An exception is the refusal,
        which its asker is told instead of the record. None: nobody waits any more.
        """
        self.is_cancelled = False
        self._change = asyncio.get_running_loop().create_future()

    def add(self, pieces: list[Delta]) -> None:
        self.pieces += map(as_kept, pieces)
        self._tell()

    def end(self) -> None:
        self.is_over = True
        self._tell()

    def cancel(self) -> None:
        """Its run stops, is charged, and the record told: then it is over."""
        self.is_cancelled = True
        self.run.abandon()

    async def changed(self) -> None:
        await asyncio.shield(self._change)

    async def over(self) -> None:
        while not self.is_over:
            await self.changed()

    def _tell(self) -> None:
        change, self._change = self._change, asyncio.get_running_loop().create_future()
        change.set_result(None)


class LiveFollowing:
    """Implements `core.responses.ports.Following` for a response of this worker."""

    def __init__(self, live: LiveResponse) -> None:
        self._live = live
        self._read = 0

    async def next(self) -> list[Delta] | None:
        live = self._live
        while self._read == len(live.pieces):
            if live.is_over:
                return None
            await live.changed()
        pieces = live.pieces[self._read :]
        self._read = len(live.pieces)
        return pieces

    def close(self) -> None:
        """Nobody else notices."""


class LiveResponses:
    """All of this worker. Owns the tasks that see them through."""

    def __init__(self, store: ResponseStore, report: Callable[[str, BaseException], None]) -> None:
        self._store = store
        self._report = report
        self._live: dict[tuple[AccountId, ResponseId], LiveResponse] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def find(self, account_id: AccountId, response_id: ResponseId) -> LiveResponse | None:
        return self._live.get((account_id, response_id))

    def see_through(self, live: LiveResponse) -> None:
        """Read its run to the end and keep that, whatever becomes of whoever asked for it."""
        self._live[live.account_id, live.response.id] = live
        task = asyncio.create_task(self._see_through(live), name=f"response {live.response.id}")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._ended(live, done))

    async def drain(self, timeout_s: float) -> None:
        """Once the runs have ended, wait until their ends are kept."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout_s)

    async def _see_through(self, live: LiveResponse) -> None:
        called = asyncio.create_task(_tell_of_call(live))
        try:
            while not isinstance(event := await live.run.next(), Ended):
                live.add(event)
            end: Ended | RaseedError = event
        except RaseedError as error:
            # The charge may still be on its way: what came of it is told when it is durable.
            end = await live.run.ended() or error
        finally:
            called.cancel()
        if isinstance(end, Ended):
            await self._keep(live, ended(live.response, live.pieces, end))
        elif live.is_cancelled:
            await self._keep(live, cancelled(live.response, live.pieces))
        elif not live.run.called.is_set() and live.admission is not None:
            with suppress(CapacityError):  # then whoever reads the record finds that nobody runs it
                await self._store.delete(live.account_id, live.response.id)
            live.admission.set_exception(end)
        else:
            await self._keep(live, failed(live.response, live.pieces, end))

    async def _keep(self, live: LiveResponse, end: Response) -> None:
        pause_s = KEEP_PAUSE_S
        for attempt in range(KEEP_ATTEMPTS_MAX):
            try:
                await self._store.replace(live.account_id, end, live.version)
                return  # or it was deleted, or given up by another worker, meanwhile: that stays
            except (StorageQuotaExceeded, RequestTooLarge) as error:
                end = failed(live.response, (), error)  # there is room for that: it takes the place of more
            except CapacityError as error:
                if attempt == KEEP_ATTEMPTS_MAX - 1:
                    self._report("response", error)
                    return
                await asyncio.sleep(pause_s)
                pause_s *= 2

    def _ended(self, live: LiveResponse, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        del self._live[live.account_id, live.response.id]
        live.end()
        if live.admission is not None and not live.admission.done():
            live.admission.set_result(None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._report("response", error)


async def _tell_of_call(live: LiveResponse) -> None:
    await live.run.called.wait()
    if live.admission is not None and not live.admission.done():
        live.admission.set_result(None)


def is_running(live: LiveResponse) -> bool:
    """Whether its model was called."""
    return live.run.stage not in {Stage.QUEUED, Stage.ADMITTING}
