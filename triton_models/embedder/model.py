"""Entry of the Triton Python backend for models that make vectors: one run of the ONNX graph for each request."""

import os

# Before any import: the wheel of onnxruntime starts an uploader otherwise.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import sys
from pathlib import Path
from typing import Any

# A changed version directory would make Triton reload a model that is up to date.
sys.dont_write_bytecode = True

import numpy as np  # noqa: E402
import onnxruntime as ort  # noqa: E402
import triton_python_backend_utils as pb_utils  # type: ignore[import-not-found]  # noqa: E402

# The bundled stub is built for numpy 1: with numpy 2 it silently corrupts tensors.
assert np.__version__.startswith("1."), f"the Triton stub needs numpy 1, found {np.__version__}"

INPUTS = ("input_ids", "attention_mask")
OUTPUT = "sentence_embedding"


class TritonModel:
    """Triton finds the class under the name TritonPythonModel."""

    def initialize(self, _args: dict[str, str]) -> None:
        """Loads the model; an exception here refuses the load with its message."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        path = Path(__file__).resolve().parent / "model.onnx"
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def execute(self, requests: list[Any]) -> list[Any]:
        """One answer for each request; one that cannot be answered does not harm the others."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        try:
            given = {name: pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in INPUTS}
            [vectors] = self._session.run([OUTPUT], given)
        except Exception as error:  # noqa: BLE001 - the text goes to our gateway alone, which shows it to nobody
            return pb_utils.InferenceResponse([], pb_utils.TritonError(f"{type(error).__name__}: {error}"))
        return pb_utils.InferenceResponse([pb_utils.Tensor(OUTPUT, vectors)])


TritonPythonModel = TritonModel
