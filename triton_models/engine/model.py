"""Entry of the Triton Python backend: reads the model's artifacts, starts the engine thread, hands requests to it."""

import os

# Before any import: the wheel of onnxruntime starts an uploader otherwise.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

VERSION_DIR = Path(__file__).resolve().parent
sys.path.insert(0, str(VERSION_DIR))
# A changed version directory would make Triton reload a model that is up to date.
sys.dont_write_bytecode = True

import numpy as np  # noqa: E402
import triton_python_backend_utils as pb_utils  # type: ignore[import-not-found]  # noqa: E402
from raseed_engine.batch import Batch, Shape, open_session  # noqa: E402
from raseed_engine.guidance import Guide, Vocabulary, grammar_of  # noqa: E402
from raseed_engine.loop import EngineLoop, LoopSettings  # noqa: E402
from raseed_engine.protocol import (  # noqa: E402
    CancelRequest,
    EngineError,
    FinishReason,
    PromptLimits,
    TokenIds,
    cancel_event,
    finish_event,
    parse_request,
)
from raseed_engine.request import LiveRequest  # noqa: E402
from raseed_engine.text import token_bytes  # noqa: E402

# The bundled stub is built for numpy 1: with numpy 2 it silently corrupts tensors.
assert np.__version__.startswith("1."), f"the Triton stub needs numpy 1, found {np.__version__}"

JOIN_TIMEOUT_S = 5.0
"""An engine turn takes milliseconds; a thread that needs longer is stuck and dies with the process."""
LAST_RESPONSES_S = 0.2
"""Time for the server to pick up the last errors before the process ends."""


class TritonModel:
    """Sender factory and life cycle; Triton finds the class under the name TritonPythonModel."""

    def initialize(self, args: dict[str, str]) -> None:
        """Loads the model; an exception here refuses the load with its message."""
        parameters = json.loads(args["model_config"]).get("parameters", {})
        settings = read_settings({name: value["string_value"] for name, value in parameters.items()})
        manifest = json.loads((VERSION_DIR / "model.json").read_text("utf-8"))
        kv = manifest["kv"]
        shape = Shape(
            context_length=manifest["context_length"],
            vocab_size=manifest["vocab_size"],
            layers=kv["layers"],
            kv_heads=kv["heads"],
            head_size=kv["head_size"],
        )
        table = token_bytes((VERSION_DIR / "tokenizer.json").read_text("utf-8"))
        # A model may have more rows than its tokenizer has tokens; those say nothing.
        self._table = [*table, *[b""] * (shape.vocab_size - len(table))]
        special = [token for token, text in enumerate(self._table) if not text]
        self._vocabulary = Vocabulary(self._table, manifest["eos_token_ids"][0], special)
        self._limits = PromptLimits(context_length=shape.context_length, vocab_size=shape.vocab_size)
        session = open_session(str(VERSION_DIR / "model.onnx"), settings.threads)
        batch = Batch(session, shape, settings.slots)
        batch.read_prompt(np.zeros(1, np.int32), 0, 1)  # the first run allocates; not at a user's expense
        self._loop = EngineLoop(batch, frozenset(manifest["eos_token_ids"]), settings, self._table, die)
        self._thread = threading.Thread(target=self._loop.run, name="engine", daemon=True)
        self._thread.start()

    def execute(self, requests: list[Any]) -> None:
        """Takes requests in; the answers come from the engine thread."""
        for request in requests:
            sender = TritonSender(request)
            try:
                self._accept(request, sender)
            except EngineError as error:
                sender.send(NO_TOKENS, "", finish_event(FinishReason.ERROR, error=error), final=True)
            except Exception as error:  # noqa: BLE001 - see below
                # Never leave a request without its final response: Triton would wait for it for ever.
                failure = EngineError("engine_error", f"{type(error).__name__} while reading the request")
                sender.send(NO_TOKENS, "", finish_event(FinishReason.ERROR, error=failure), final=True)

    def finalize(self) -> None:
        """Ends the engine thread; Triton calls this after the last response of every request."""
        self._loop.stop()
        self._thread.join(JOIN_TIMEOUT_S)

    def _accept(self, request: Any, sender: "TritonSender") -> None:
        prompt = pb_utils.get_input_tensor_by_name(request, "input_ids").as_numpy()
        texts = pb_utils.get_input_tensor_by_name(request, "request_json").as_numpy()
        if texts.size != 1:
            raise EngineError("bad_request", "request_json must hold one string")
        asked = parse_request(texts.reshape(-1)[0], prompt, self._limits)
        if isinstance(asked, CancelRequest):
            found = self._loop.cancel(asked.id)
            sender.send(NO_TOKENS, "", cancel_event(asked.id, found=found), final=True)
            return
        grammar = grammar_of(json_schema=asked.json_schema, lark=asked.lark)
        self._loop.submit(
            LiveRequest(
                asked,
                sender,
                context_length=self._limits.context_length,
                token_table=self._table,
                guide=None if grammar is None else Guide(self._vocabulary, grammar),
            )
        )


class TritonSender:
    """Responses of one request, as tensors."""

    def __init__(self, request: Any) -> None:
        self._sender = request.get_response_sender()

    def send(self, token_ids: TokenIds, text: str, event: str, *, final: bool) -> None:
        response = pb_utils.InferenceResponse(
            [
                pb_utils.Tensor("token_ids", token_ids),
                pb_utils.Tensor("text_output", np.array([text.encode()], np.object_)),
                pb_utils.Tensor("event", np.array([event.encode()], np.object_)),
            ]
        )
        self._sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL if final else 0)

    def is_cancelled(self) -> bool:
        return bool(self._sender.is_cancelled())


NO_TOKENS: TokenIds = np.zeros(0, np.int32)


def read_settings(parameters: dict[str, str]) -> LoopSettings:
    """Engine settings from the model configuration's parameters; absent ones keep their defaults."""
    default = LoopSettings()
    slots = int(parameters.get("slots", default.slots))
    return LoopSettings(
        slots=slots,
        inbox=int(parameters.get("inbox", 2 * slots)),
        flush_ms=float(parameters.get("flush_ms", default.flush_ms)),
        flush_ms_per_row=float(parameters.get("flush_ms_per_row", default.flush_ms_per_row)),
        prefill_chunk=int(parameters.get("prefill_chunk", default.prefill_chunk)),
        threads=int(parameters.get("threads", default.threads)),
        step_delay_ms=float(parameters.get("step_delay_ms", default.step_delay_ms)),
    )


def die() -> None:
    """Ends the process: a model without its engine thread would accept requests and never answer them."""
    time.sleep(LAST_RESPONSES_S)
    os._exit(1)


TritonPythonModel = TritonModel
