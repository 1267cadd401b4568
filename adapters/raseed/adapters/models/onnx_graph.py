"""The outside of an ONNX file: its inputs and outputs, and that nothing in it reaches beyond the file.

Read from the protobuf itself (onnx.proto of ONNX 1.17 has the numbers), because the library that would read it is the one
that a bad file is meant for. Weights are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from mmap import mmap

OPERATOR_DOMAINS = frozenset({"", "ai.onnx", "com.microsoft"})
"""Those that are part of onnxruntime. Any other is a library of somebody's."""
DEPTH_MAX = 8
"""Graphs within graphs: conditions and loops."""
NODES_MAX = 100_000
"""A model of 400 layers has a tenth of it."""
FLOAT, INT64 = 1, 7
"""TensorProto.DataType."""


class GraphRefused(Exception):
    """The message is one line of our own words."""


@dataclass(frozen=True, slots=True)
class Tensor:
    element: int
    dims: tuple[int | None, ...]
    """None: of any size."""


@dataclass(slots=True)
class Graph:
    inputs: dict[str, Tensor] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)
    node_count: int = 0


def read_graph(content: bytes | mmap) -> Graph:
    """Raises GraphRefused."""
    graph = Graph()
    graphs = 0
    try:
        for number, value in _fields(memoryview(content)):
            match number:
                case 7:
                    graphs += 1
                    _read_graph(_message(value), graph, 0)
                case 20 | 25:
                    raise GraphRefused("the graph brings functions or a training of its own")
                case _:
                    pass
    except (ValueError, IndexError, TypeError) as error:
        raise GraphRefused("model.onnx is not an ONNX file") from error
    if graphs != 1:
        raise GraphRefused("model.onnx is not an ONNX file")
    return graph


def _read_graph(view: memoryview, graph: Graph, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise GraphRefused("the graph nests too deeply")
    for number, value in _fields(view):
        match number:
            case 1:
                _read_node(_message(value), graph, depth)
            case 5:
                _check_tensor(_message(value))
            case 11 if depth == 0:
                name, tensor = _value_info(_message(value))
                graph.inputs[name] = tensor
            case 12 if depth == 0:
                name, tensor = _value_info(_message(value))
                graph.outputs[name] = tensor
            case 15:
                raise GraphRefused("the graph has sparse weights")
            case _:
                pass


def _read_node(view: memoryview, graph: Graph, depth: int) -> None:
    graph.node_count += 1
    if graph.node_count > NODES_MAX:
        raise GraphRefused("the graph has too many nodes")
    for number, value in _fields(view):
        if number == 7 and (domain := _text(value)) not in OPERATOR_DOMAINS:
            raise GraphRefused(f"the graph uses operators of {domain[:64]!r}")
        if number == 5:
            for inner, part in _fields(_message(value)):
                match inner:
                    case 5 | 10:
                        _check_tensor(_message(part))
                    case 6 | 11:
                        _read_graph(_message(part), graph, depth + 1)
                    case 22 | 23:
                        raise GraphRefused("the graph has sparse weights")
                    case _:
                        pass


def _check_tensor(view: memoryview) -> None:
    for number, value in _fields(view):
        if number == 13 or (number == 14 and value != 0):
            raise GraphRefused("the graph has weights in other files")


def _value_info(view: memoryview) -> tuple[str, Tensor]:
    name, tensor = "", Tensor(0, ())
    for number, value in _fields(view):
        if number == 1:
            name = _text(value)
        elif number == 2:
            for kind, of_type in _fields(_message(value)):
                if kind == 1:
                    tensor = _tensor_type(_message(of_type))
    return name, tensor


def _tensor_type(view: memoryview) -> Tensor:
    element, dims = 0, list[int | None]()
    for number, value in _fields(view):
        if number == 1:
            element = value if isinstance(value, int) else 0
        elif number == 2:
            for part, dim in _fields(_message(value)):
                if part == 1:
                    sizes = [size for at, size in _fields(_message(dim)) if at == 1 and isinstance(size, int)]
                    dims.append(sizes[-1] if sizes else None)
    return Tensor(element, tuple(dims))


def _fields(view: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message in order. Raises ValueError, IndexError, TypeError."""
    at, end = 0, len(view)
    while at < end:
        key, at = _varint(view, at)
        match key & 7:
            case 0:
                value, at = _varint(view, at)
                yield key >> 3, value
            case 2:
                size, at = _varint(view, at)
                if size > end - at:
                    raise ValueError("a field is longer than its message")
                yield key >> 3, view[at : at + size]
                at += size
            case 1 | 5 as fixed:
                width = 8 if fixed == 1 else 4
                yield key >> 3, view[at : at + width]
                at += width
            case _:
                raise ValueError("not a field")


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise TypeError("a message was expected")
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_message(value)).decode()
