"""The rows of one model that are decoded together: its session, its key-value memory, and nothing about requests.

Live rows are the prefix `0..live` of every array, so that one run covers exactly them. Past and present of a layer
are bound to the same memory: the graph's GroupQueryAttention writes in place and takes each row's position from the
row's own mask, which makes batches of rows of different lengths exact without any padding of the past.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from raseed_engine.protocol import TokenIds
from raseed_engine.sampling import Logits


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the engine must know of a model; from its model.json."""

    context_length: int
    vocab_size: int
    layers: int
    kv_heads: int
    head_size: int

    @property
    def slot_bytes(self) -> int:
        """Key-value memory of one row at full context."""
        return self.layers * 2 * self.kv_heads * self.context_length * self.head_size * 4


def open_session(model_path: str, threads: int) -> Any:
    """An ONNX session of `threads` threads that sleeps, not spins, between steps: the cores are shared."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(model_path, options, providers=["CPUExecutionProvider"])


class Batch:
    """At most `slots` live rows and one prompt being read. Used by one thread."""

    def __init__(self, session: Any, shape: Shape, slots: int) -> None:
        self._session = session
        self._shape = shape
        self._slots = slots
        self.live = 0
        """Number of live rows."""
        # One row more than `slots`: the prompt being read lives there until it becomes a live row.
        # Zeroed memory is not resident before it is touched, so idle slots cost nothing.
        kv_shape = (slots + 1, shape.kv_heads, shape.context_length, shape.head_size)
        self._kv = {
            f"{layer}.{side}": np.zeros(kv_shape, np.float32)
            for layer in range(shape.layers)
            for side in ("key", "value")
        }
        self._lengths = np.zeros(slots, np.int64)
        self._mask = np.zeros((slots, shape.context_length), np.int64)
        self._last = np.zeros((slots, 1), np.int64)
        self._logits = np.zeros((slots, 1, shape.vocab_size), np.float32)
        self._bindings: dict[int, Any] = {}
        """Decode bindings by number of rows: only that number changes from step to step."""

    @property
    def full(self) -> bool:
        return self.live == self._slots

    def read_prompt(self, prompt: TokenIds, start: int, end: int) -> Logits:
        """Feeds `prompt[start:end]`; everything before `start` must have been fed by the calls just before.

        Returns the logits after token `end - 1`.
        """
        ids = np.ascontiguousarray(prompt[start:end], np.int64)[None]
        mask = np.ones((1, end), np.int64)
        logits: npt.NDArray[np.float32] = np.empty((1, 1, self._shape.vocab_size), np.float32)
        self._session.run_with_iobinding(self._bind(ids, mask, logits, first_row=self._slots))
        return logits.reshape(-1)

    def join(self, length: int, token: int) -> None:
        """The prompt of `length` tokens that was just read becomes the last live row; `token` is fed next."""
        row = self.live
        for memory in self._kv.values():
            memory[row, :, :length] = memory[self._slots, :, :length]
        self._lengths[row] = length
        self._mask[row] = 0
        self._mask[row, :length] = 1
        self._last[row, 0] = token
        self.live += 1

    def step(self) -> npt.NDArray[np.float32]:
        """Feeds each live row's last token. Returns logits [live, vocab], valid until the next step."""
        rows = self.live
        self._mask[np.arange(rows), self._lengths[:rows]] = 1
        self._lengths[:rows] += 1
        if rows not in self._bindings:
            self._bindings[rows] = self._bind(
                self._last[:rows], self._mask[:rows], self._logits[:rows], first_row=0
            )
        self._session.run_with_iobinding(self._bindings[rows])
        return self._logits[:rows, 0]

    def feed(self, row: int, token: int) -> None:
        """Sets the token that the next step feeds to `row`."""
        self._last[row, 0] = token

    def drop(self, row: int) -> None:
        """Removes a row. The last live row takes its place: the caller must move its own table the same way."""
        last = self.live - 1
        if row != last:
            length = int(self._lengths[last])
            for memory in self._kv.values():
                memory[row, :, :length] = memory[last, :, :length]
            self._lengths[row] = length
            self._mask[row] = self._mask[last]
            self._last[row] = self._last[last]
        self.live = last

    def _bind(
        self,
        ids: npt.NDArray[np.int64],
        mask: npt.NDArray[np.int64],
        logits: npt.NDArray[np.float32],
        *,
        first_row: int,
    ) -> Any:
        """A binding over these arrays, which must stay alive; key-value rows begin at `first_row`."""
        binding = self._session.io_binding()
        rows = ids.shape[0]
        binding.bind_input("input_ids", "cpu", 0, np.int64, ids.shape, ids.ctypes.data)
        binding.bind_input("attention_mask", "cpu", 0, np.int64, mask.shape, mask.ctypes.data)
        binding.bind_output("logits", "cpu", 0, np.float32, logits.shape, logits.ctypes.data)
        for name, memory in self._kv.items():
            shape = (rows, *memory.shape[1:])
            address = memory[first_row:].ctypes.data
            binding.bind_input(f"past_key_values.{name}", "cpu", 0, np.float32, shape, address)
            binding.bind_output(f"present.{name}", "cpu", 0, np.float32, shape, address)
        return binding
