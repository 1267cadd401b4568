"""The items of an answer, put together from its pieces as they come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from raseed.core.errors import BackendLost
from raseed.core.inference.model import Delta, TokenLogprob, ToolCall
from raseed.core.responses.model import Item, ItemKind, ResponseId, Terms, item_id
from raseed.core.texts import whole_text


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputItem:
    """One item of the answer, as far as it has come."""

    item: Item
    logprobs: tuple[TokenLogprob, ...] = ()
    """Of the tokens of a message."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A new item begins; the one before it is whole."""

    index: int
    item: Item


@dataclass(frozen=True, slots=True)
class Grown:
    """The item that was opened last goes on: text of a message or of reasoning, arguments of a call."""

    index: int
    item: Item
    """As it was opened: what it has come to is not put together for each piece."""
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


class Output:
    """Items come one after the other: one is whole when the next begins, or with the answer's end."""

    def __init__(self, response: ResponseId, terms: Terms) -> None:
        self._response = response
        self._namespaces = {
            offered.tool.name: offered.namespace for offered in terms.tools if offered.namespace is not None
        }
        self._items: list[Item] = []
        self._texts: list[list[str]] = []
        self._logprobs: list[list[TokenLogprob]] = []
        self._kind: ItemKind | None = None
        """Of the item that is open."""
        self._call_index: int | None = None
        """Of the call that was opened last."""

    def add(self, piece: Delta) -> list[Opened | Grown]:
        """What a piece changes, in order. Raises BackendLost for a call that goes on after it was whole."""
        changes: list[Opened | Grown] = []
        if piece.reasoning:
            changes += self._say(ItemKind.REASONING, piece.reasoning, ())
        if piece.text or (piece.logprobs and not piece.reasoning):
            changes += self._say(ItemKind.MESSAGE, piece.text, piece.logprobs)
        if piece.tool_call_index is not None:
            changes += self._add_call(piece.tool_call_index, piece)
        return changes

    def whole(self) -> tuple[OutputItem, ...]:
        """All items, with what has come of them."""
        return tuple(map(self.item, range(len(self._items))))

    def item(self, index: int) -> OutputItem:
        item, text = self._items[index], "".join(self._texts[index])
        if item.call is not None:
            return OutputItem(item=replace(item, call=replace(item.call, arguments_json=text)))
        return OutputItem(item=replace(item, text=text), logprobs=tuple(self._logprobs[index]))

    def __len__(self) -> int:
        return len(self._items)

    def _say(self, kind: ItemKind, text: str, logprobs: tuple[TokenLogprob, ...]) -> list[Opened | Grown]:
        opened = [] if self._kind is kind else [self._open(Item(kind=kind, role="assistant"))]
        return [*opened, self._grow(text, logprobs)]

    def _add_call(self, index: int, piece: Delta) -> list[Opened | Grown]:
        changes: list[Opened | Grown] = []
        arguments = piece.tool_arguments
        opened = piece.tool_call
        if opened is not None:
            arguments = opened.arguments_json + arguments
            call = ToolCall(id=opened.id, name=opened.name, arguments_json="")
            namespace = self._namespaces.get(opened.name)
            changes.append(self._open(Item(kind=ItemKind.CALL, call=call, namespace=namespace)))
            self._call_index = index
        elif self._kind is not ItemKind.CALL or index != self._call_index:
            raise BackendLost("The model's answer could not be read: it went on with a call that was whole.")
        if arguments:
            changes.append(self._grow(arguments, ()))
        return changes

    def _open(self, item: Item) -> Opened:
        index = len(self._items)
        self._kind = item.kind
        self._items.append(replace(item, id=item_id(item.kind, self._response, str(index))))
        self._texts.append([])
        self._logprobs.append([])
        return Opened(index, self._items[index])

    def _grow(self, text: str, logprobs: tuple[TokenLogprob, ...]) -> Grown:
        text = whole_text(text)  # piece by piece, as it is streamed: the item is what its pieces were
        self._texts[-1].append(text)
        self._logprobs[-1].extend(logprobs)
        return Grown(len(self._items) - 1, self._items[-1], text, logprobs)


def whole_output(response: ResponseId, terms: Terms, pieces: Iterable[Delta]) -> tuple[OutputItem, ...]:
    """All items of these pieces. Raises as `Output.add`."""
    output = Output(response, terms)
    for piece in pieces:
        output.add(piece)
    return output.whole()
