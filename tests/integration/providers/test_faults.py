"""Whatever a provider does: the right status to the caller, the right charge, nothing left behind, no stalled loop.

The fake echoes "one two three" as three tokens. Counted by ourselves the prompt has 29 and the answer four, so that a charge tells
whose count it is.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.emulators.model_providers.provider import Close, Pause, Play, Reset, Step, in_bytes
from tests.emulators.server import serve
from tests.support.certificate import make_certificate
from tests.support.desk import gone, read
from tests.support.provider_desk import PATIENT, LoopWatch, Placed, provider_desk
from tests.support.provider_speech import SPEECHES, Speech

from raseed.adapters.providers.generation import GenerationLimits
from raseed.core.errors import BackendLost, BackendUnavailable, Overloaded, RaseedError
from raseed.core.inference.model import UsageSource
from raseed.core.inference.run import Ended
from raseed.core.inference.targets import Outcome, Refusal

WORDS = ("one ", "two ", "three ")
OUR_PROMPT = 29
IMPATIENT_AT_FIRST = replace(PATIENT, first_event_timeout_s=0.5)
IMPATIENT = replace(PATIENT, idle_timeout_s=0.5)
IMPATIENT_AT_LAST = replace(PATIENT, usage_wait_s=0.5)
ENDLESS = [b"x" * 1024 * 1024] * 50
"""A line of 50 MB."""
STALL_S = 0.2
"""A stall is 50 ms on a machine of ours; slower ones compute longer for the same."""
HTML = b"<html><body>502 Bad Gateway</body></html>"


@dataclass(frozen=True, slots=True)
class Case:
    play: Callable[[Speech], Play]
    end: type[RaseedError] | UsageSource
    """The error, or whose count is charged."""
    text: str = "".join(WORDS)
    prompt: int = 0
    completion: int = 0
    limits: GenerationLimits = PATIENT
    refusal: Refusal | None = None
    """Why it surely generates nothing."""
    of_text: bool = False
    """Whether it is one of lines."""

    @property
    def told(self) -> Outcome | Refusal | None:
        """What the log is told came of it."""
        if self.end is BackendLost:
            return Outcome.LOST
        return self.refusal or (Outcome.UNKNOWN if self.end is BackendUnavailable else None)


def broken_after(*steps: Step) -> Callable[[Speech], Play]:
    """Two words, and then this."""
    return lambda speech: speech.play(*speech.says("one ", "two "), *steps)


def before_output(*steps: Step) -> Callable[[Speech], Play]:
    return lambda speech: speech.play(*speech.start, *steps)


def ended(usages: Callable[[Speech], Sequence[bytes]], *, has_end: bool = True) -> Callable[[Speech], Play]:
    """The whole answer with these usages."""
    return lambda speech: speech.play(
        *speech.says(*WORDS), *speech.finish(), *usages(speech), *(speech.end if has_end else ())
    )


def status(
    number: int, body: bytes = b'{"error":{"message":"secret detail"}}', **headers: str
) -> Callable[[Speech], Play]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Play(status=number, headers=named, content_type="application/json", steps=[body])


def bytes_of(play: Play) -> bytes:
    return b"".join(step for step in play.steps if isinstance(step, bytes))


def lost(play: Callable[[Speech], Play], limits: GenerationLimits = PATIENT) -> Case:
    """It breaks after two words."""
    return Case(play, BackendLost, "one two ", OUR_PROMPT, 2, limits)


def unavailable(
    play: Callable[[Speech], Play], refusal: Refusal | None = None, limits: GenerationLimits = PATIENT
) -> Case:
    """It breaks before the first word."""
    return Case(play, BackendUnavailable, "", limits=limits, refusal=refusal)


CASES = {
    "a right answer": Case(lambda speech: speech.whole(*WORDS), UsageSource.UPSTREAM, prompt=3, completion=3),
    "429 with Retry-After": Case(status(429, Retry_After="7"), Overloaded, text="", refusal=Refusal.BUSY),
    "429 without a word": Case(status(429, b""), Overloaded, text="", refusal=Refusal.BUSY),
    "500": unavailable(status(500), refusal=Refusal.BROKEN),
    "503 with a page": unavailable(status(503, HTML), refusal=Refusal.BROKEN),
    "our key is wrong": unavailable(status(401), refusal=Refusal.MISCONFIGURED),
    "our money is gone": unavailable(
        status(429, b'{"error":{"code":"insufficient_quota","message":"secret detail"}}'),
        refusal=Refusal.MISCONFIGURED,
    ),
    "redirect": unavailable(status(307, b"", Location="/elsewhere"), refusal=Refusal.MISCONFIGURED),
    "hang before headers": unavailable(lambda _: Play(before=[Pause()]), limits=IMPATIENT_AT_FIRST),
    "hang before the first token": unavailable(before_output(Pause()), limits=IMPATIENT),
    "hang between chunks": lost(broken_after(Pause()), limits=IMPATIENT),
    "a byte at a time, for ever": unavailable(
        lambda speech: in_bytes(speech.whole(*WORDS), pause_s=0.05), limits=IMPATIENT_AT_FIRST
    ),
    "reset before headers": unavailable(lambda _: Play(before=[Reset()])),
    "reset before the first token": unavailable(before_output(Reset())),
    "reset between chunks": lost(broken_after(Pause(0.05), Reset())),
    "closed between chunks": lost(broken_after(Close())),
    "ends without an end": lost(broken_after()),
    "garbage at once": unavailable(lambda speech: speech.play(speech.garbage)),
    "garbage between chunks": lost(lambda speech: broken_after(speech.garbage, Pause(0.05))(speech)),
    "bytes that are no text": lost(lambda speech: broken_after(speech.no_text)(speech)),
    "50 MB in one line at once": unavailable(lambda speech: speech.play(speech.huge, *ENDLESS)),
    "50 MB in one line between chunks": lost(lambda speech: broken_after(speech.huge, *ENDLESS)(speech)),
    "a page in place of a stream": unavailable(lambda _: Play(content_type="text/html", steps=[HTML])),
    "compressed, unasked": unavailable(
        lambda speech: replace(speech.whole(*WORDS), headers={"Content-Encoding": "br"}),
    ),
    "an error in place of the first token": unavailable(
        lambda speech: before_output(speech.error)(speech), refusal=Refusal.BROKEN
    ),
    "an error after output": lost(lambda speech: broken_after(speech.error)(speech)),
    "every byte alone": Case(
        lambda speech: in_bytes(speech.whole("سلام ", "😀 ", "three ")),
        UsageSource.UPSTREAM,
        text="سلام 😀 three ",
        prompt=3,
        completion=3,
    ),
    "no last blank line": Case(
        lambda speech: speech.play(bytes_of(speech.whole(*WORDS)).rstrip(b"\r\n")),
        UsageSource.UPSTREAM,
        prompt=3,
        completion=3,
        of_text=True,
    ),
    "lines that end as on Windows": Case(
        lambda speech: speech.play(
            bytes_of(speech.whole(*WORDS)).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        ),
        UsageSource.UPSTREAM,
        prompt=3,
        completion=3,
        of_text=True,
    ),
    "no end after the usage": Case(
        ended(lambda speech: speech.usage(3, 3), has_end=False), UsageSource.UPSTREAM, prompt=3, completion=3
    ),
    "hang after the last piece": Case(
        lambda speech: speech.play(*speech.says(*WORDS), *speech.finish(), Pause()),
        UsageSource.COUNTED,
        prompt=OUR_PROMPT,
        completion=4,
        limits=IMPATIENT_AT_LAST,
    ),
    "no usage": Case(ended(lambda _: []), UsageSource.COUNTED, prompt=OUR_PROMPT, completion=4),
    "usage twice": Case(
        ended(lambda speech: [*speech.usage(3, 2), *speech.usage(3, 3)]),
        UsageSource.UPSTREAM,
        prompt=3,
        completion=3,
    ),
    "usage of nothing": Case(ended(lambda speech: speech.usage(0, 0)), UsageSource.UPSTREAM),
    "usage that cannot be true": Case(
        ended(lambda speech: speech.wrong_usage), UsageSource.COUNTED, prompt=OUR_PROMPT, completion=4
    ),
    "usage ahead of the answer": Case(
        lambda speech: speech.play(
            *speech.start,
            *speech.usage(3, 3),
            *(speech.word(word) for word in WORDS),
            *speech.finish(),
            *speech.end,
        ),
        UsageSource.UPSTREAM,
        prompt=3,
        completion=3,
    ),
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind, speech in SPEECHES.items()
        for name, case in CASES.items()
        if speech.is_text or not case.of_text
    ],
)
async def test_fault(kind: str, name: str) -> None:
    speech, case = SPEECHES[kind], CASES[name]
    provider = speech.provider()
    placed = Placed(provider=provider, kind=kind, base=speech.base, limits=case.limits)
    async with provider_desk([placed]) as desk:
        provider.plays.append(case.play(speech))
        async with LoopWatch() as watch:
            answer = await desk.answer()
        assert answer.text == case.text
        if isinstance(case.end, UsageSource):
            assert isinstance(answer.end, Ended), answer.end
            assert answer.ended.usage.source is case.end
        else:
            assert type(answer.error) is case.end, answer.end
            assert "secret" not in answer.error.message
        expected = {"input_tokens": case.prompt, "output_tokens": case.completion}
        assert desk.charged == {meter: count for meter, count in expected.items() if count}
        assert [outcome for outcome, _ in desk.failures] == ([case.told] if case.told else [])
        assert not any("secret" in detail or "127.0.0.1" in detail for _, detail in desk.failures)
        assert len(provider.served.asked) == 1, "what may have been generated is not generated again"
        assert watch.longest_s < STALL_S
        if case.refusal is not Refusal.BUSY:  # those rest for a moment
            assert (await desk.answer()).text == "one two three ", "the next request is served"


@pytest.mark.parametrize("kind", SPEECHES)
async def test_retry_after_is_passed_on(kind: str) -> None:
    speech = SPEECHES[kind]
    provider = speech.provider()
    async with provider_desk([Placed(provider=provider, kind=kind, base=speech.base)]) as desk:
        provider.plays.append(status(429, Retry_After="7")(speech))
        waits = [(await desk.answer()).error.retry_after_s for _ in range(2)]
        assert all(wait is not None and 1 <= wait <= 7 for wait in waits)
        assert len(provider.served.asked) == 1, "it rests for as long as it wanted"


@pytest.mark.parametrize("kind", SPEECHES)
async def test_a_caller_that_leaves_is_charged_what_is_reported_in_time(kind: str) -> None:
    speech = SPEECHES[kind]
    provider = speech.provider()
    rest = [*(speech.word(word) for word in WORDS[1:]), *speech.finish(), *speech.usage(3, 3), *speech.end]
    provider.plays.append(speech.play(*speech.says(WORDS[0]), Pause(0.2), *rest))
    async with provider_desk([Placed(provider=provider, kind=kind, base=speech.base)]) as desk:
        run = desk.ask()
        assert await run.next()
        run.abandon()
        await gone(run)
        assert desk.charged == {"input_tokens": 3, "output_tokens": 3}


@pytest.mark.parametrize("kind", SPEECHES)
async def test_a_caller_that_leaves_a_silent_answer_is_charged_what_came(kind: str) -> None:
    speech = SPEECHES[kind]
    provider = speech.provider()
    provider.plays.append(speech.play(*speech.says(*WORDS[:2]), Pause()))
    async with provider_desk([Placed(provider=provider, kind=kind, base=speech.base)]) as desk:
        run = desk.ask()
        text = ""
        while text != "one two ":
            text += "".join(piece.text for piece in await run.next())  # type: ignore[union-attr]
        run.abandon()
        await gone(run)
        assert desk.charged["output_tokens"] == 2


@pytest.mark.parametrize("play", [Play(before=[Pause()]), Play(steps=[*SPEECHES["openai"].start, Pause()])])
async def test_a_caller_that_leaves_before_the_first_token_pays_nothing(play: Play) -> None:
    speech = SPEECHES["openai"]
    provider = speech.provider()
    provider.plays.append(play)
    async with provider_desk([Placed(provider=provider)]) as desk:
        run = desk.ask()
        await soon(lambda: provider.served.asked)
        run.abandon()
        await gone(run)
        assert desk.event.cost_microcredits == 0
        # The connection is closed: nothing is generated for nobody.
        await soon(lambda: not provider.served.open_now)


async def soon(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what happens at a server has no event to wait for
            await asyncio.sleep(0.01)


async def test_a_name_that_is_nowhere() -> None:
    placed = Placed(provider=SPEECHES["openai"].provider(), url="http://nowhere.invalid/v1")
    async with provider_desk([placed]) as desk:
        assert type((await desk.answer()).error) is BackendUnavailable
        assert [outcome for outcome, _ in desk.failures] == [Refusal.UNREACHABLE]


async def test_the_deadline_of_a_request_is_that_of_its_provider() -> None:
    speech = SPEECHES["openai"]
    provider = speech.provider()
    provider.plays.append(speech.play(*speech.says("one "), Pause()))
    async with provider_desk([Placed(provider=provider)]) as desk:
        desk.desk.inference._timeout_s = 1.0
        answer = await read(desk.ask())
        assert answer.error.reason == "DEADLINE_EXCEEDED"


async def test_a_certificate_that_nobody_signed(tmp_path: Path) -> None:
    """No request leaves, so that another target is asked."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*make_certificate(tmp_path, "localhost"))
    impostor = SPEECHES["openai"].provider()
    async with serve(impostor, tls=context) as address:
        url = address.replace("127.0.0.1", "localhost") + "/v1"
        first = Placed(provider=SPEECHES["openai"].provider(), url=url)
        second = Placed(provider=SPEECHES["openai"].provider(), priority=1)
        async with provider_desk([first, second]) as desk:
            assert (await desk.answer()).text == "one two three "
            assert desk.failures == [(Refusal.UNREACHABLE, "its certificate is not valid")]
    assert impostor.served.asked == []


async def test_one_that_fails_after_its_headers_is_followed_by_nobody() -> None:
    """A provider that answered 200 may have generated: the second is not asked."""
    speech = SPEECHES["openai"]
    first, second = speech.provider(), speech.provider()
    first.plays.append(speech.play(*speech.start, Reset()))
    async with provider_desk([Placed(provider=first), Placed(provider=second, priority=1)]) as desk:
        assert type((await desk.answer()).error) is BackendUnavailable
        assert second.served.asked == []


@pytest.mark.parametrize("kind", SPEECHES)
async def test_a_connection_is_used_again_and_nothing_is_sent_twice_on_it(kind: str) -> None:
    """Whoever answers closes a connection that was idle at the moment at which we send: whether it had read the request is
    unknown.
    """
    speech = SPEECHES[kind]
    provider = speech.provider()
    async with provider_desk([Placed(provider=provider, kind=kind, base=speech.base)]) as desk:
        for _ in range(2):
            assert (await desk.answer()).text == "one two three "
            await asyncio.sleep(0.05)  # the end of its bytes is read after the answer is
        provider.plays.append(Play(before=[Reset()]))
        assert type((await desk.answer()).error) is BackendUnavailable
        assert len(provider.served.asked) == 3
        assert len(set(provider.peers)) == 1
