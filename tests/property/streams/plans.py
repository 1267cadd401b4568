"""What a model may say, and how it may be read: every stream that a backend and a client can lead to."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from raseed.core.inference.model import FinishReason


@dataclass(frozen=True, slots=True)
class Say:
    """Some text; none is a token whose characters are not whole yet."""

    text: str


@dataclass(frozen=True, slots=True)
class Think:
    """Some of what it thinks on the way."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A tool is called. The arguments come in these pieces, the first with the call itself."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Silence:
    """For longer than a stream may be silent."""


Step = Say | Think | Call | Silence


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a provider writes what its model says."""

    is_anthropic: bool = False
    repeats_calls: bool = False
    """Id, type and name of a call in each of its deltas."""
    repeats_role: bool = False
    has_nulls: bool = False
    has_no_reason: bool = False
    """`finish_reason` is not there before the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One choice."""

    steps: tuple[Step, ...]
    is_cut: bool = False
    """Whether its limit ends it."""
    breaks: bool = False
    """Whether the engine fails in place of its end."""

    @property
    def text(self) -> str:
        return "".join(step.text for step in self.steps if isinstance(step, Say))

    @property
    def reasoning(self) -> str:
        return "".join(step.text for step in self.steps if isinstance(step, Think))

    @property
    def calls(self) -> tuple[tuple[str, str], ...]:
        """(name, arguments) of each."""
        return tuple((step.name, "".join(step.arguments)) for step in self.steps if isinstance(step, Call))

    @property
    def finish_reason(self) -> FinishReason:
        if self.is_cut:
            return FinishReason.LENGTH
        return FinishReason.TOOL_CALLS if self.calls else FinishReason.STOP

    @property
    def tokens(self) -> int:
        """As a model of ours counts them: one for each piece."""
        return sum(
            len(step.arguments) if isinstance(step, Call) else isinstance(step, Say | Think)
            for step in self.steps
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    answers: tuple[Answer, ...]
    with_usage: bool
    with_logprobs: bool
    with_thinking: bool = False
    """Whether thoughts are asked for, where the API has them only then."""
    is_read_slowly: bool
    """Then pieces wait, and are joined."""
    manner: Manner | None = None
    """Of the provider it comes from; None: it comes from a model of ours."""
    leaves_after: int | None = None
    """The reader goes away when it has been written to so often."""
    credit: int | None = None
    """Tokens of the answer that can be paid for."""

    @property
    def breaks(self) -> bool:
        return any(answer.breaks for answer in self.answers)

    @property
    def is_whole(self) -> bool:
        return not self.breaks and self.leaves_after is None and self.credit is None


# What has broken readers: line ends of every kind inside of a text, the end of a file, the byte order mark, what looks
# like a field of an event stream, characters of four bytes, and those that join.
AWKWARD = (
    *("\n", "\r\n", "\r", "\n\n", "\u0085", "\u2028", "\u2029", "\0", "\x1a", "\ufeff", "\ufffd"),
    *("data: ", "data: [DONE]\n\n", "event: error\n", "id: 1\n", "retry: 1\n", ": ", '"', "\\", "</s>", "{}"),
    *("👩\u200d👩\u200d👧", "😀", "مرحبا", "é", "e\u0301", "\u202e"),
)
HALVES = ("\ud83d", "\ude00")
"""Of a pair of surrogates: what a model's JSON may hold, and UTF-8 may not."""

texts = st.one_of(st.sampled_from(AWKWARD), st.text(max_size=6))
says = texts.map(Say)
thinks = texts.map(Think)
calls = st.builds(
    Call,
    st.sampled_from(["f", "weather", "clock-2"]),
    st.lists(st.one_of(st.sampled_from(['{"a":', "1}", "{}", ""]), texts), min_size=1, max_size=3).map(tuple),
)


manners = st.one_of(
    st.none(),
    st.builds(
        Manner,
        is_anthropic=st.booleans(),
        repeats_calls=st.booleans(),
        repeats_role=st.booleans(),
        has_nulls=st.booleans(),
        has_no_reason=st.booleans(),
    ),
)


def steps_of(*, with_calls: bool) -> st.SearchStrategy[Step]:
    return st.one_of(says, says, thinks, *([calls] if with_calls else []), st.just(Silence()))


def plans(
    choices_max: int = 1, *, with_calls: bool = True, is_whole: bool = False, breaks: bool = False
) -> st.SearchStrategy[Plan]:
    """Every stream; also of what breaks off, of half characters, and of readers who leave, unless it is to be whole. Or
    those alone that break off while they are read.
    """
    step: st.SearchStrategy[Step] = steps_of(with_calls=with_calls)
    if not is_whole:
        step = st.one_of(step, st.sampled_from(HALVES).map(Say), st.sampled_from(HALVES).map(Think))
    answer = st.builds(
        Answer,
        steps=st.lists(step, max_size=6).map(tuple),
        is_cut=st.booleans(),
        breaks=st.just(breaks) if is_whole or breaks else st.sampled_from([False, False, True]),
    )
    return st.builds(
        Plan,
        answers=st.lists(answer, min_size=1, max_size=choices_max).map(tuple),
        with_usage=st.booleans(),
        with_logprobs=st.booleans(),
        with_thinking=st.booleans(),
        is_read_slowly=st.booleans(),
        manner=manners,
        leaves_after=st.none() if is_whole or breaks else st.sampled_from([None, None, 1, 2]),
        credit=st.none() if is_whole or breaks else st.sampled_from([None, None, 1, 2, 3]),
    ).filter(lambda plan: plan.credit is None or not plan.breaks)
