"""Hugging Face folder → model.onnx and model.json beside the template. See README.md beside this file.

Usage: python export.py WORK_DIR
"""

from __future__ import annotations

import hashlib
import json
import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the import below, which would start an uploader

import shutil
import subprocess
import sys
from pathlib import Path

import onnx

MODEL_DIR = Path(__file__).parent.parent
ARTIFACTS = ("model.onnx", "tokenizer.json", "chat_template.jinja")
SIZE_BYTES_MAX = 4_000_000
"""A committed file of this size is still pleasant to clone."""


def export_onnx(work: Path) -> None:
    """Runs the exporter of onnxruntime-genai and folds its external data into one file."""
    out = work / "onnx"
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run(
        [sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", str(work / "hf"), "-o", str(out), "-p", "fp32",
         "-e", "cpu", "-c", str(work / "cache"), "--extra_options", "prune_lm_head=true"],
        check=True,
    )  # fmt: skip
    model = onnx.load(out / "model.onnx")
    onnx.save(model, MODEL_DIR / "model.onnx", save_as_external_data=False)
    size_bytes = (MODEL_DIR / "model.onnx").stat().st_size
    assert size_bytes <= SIZE_BYTES_MAX, f"model.onnx has {size_bytes} bytes, more than {SIZE_BYTES_MAX}"


def write_manifest(work: Path) -> None:
    """model.json: everything that the engine and the gateway must know, with digests of the artifacts."""
    config = json.loads((work / "hf" / "config.json").read_text("utf-8"))
    manifest = {
        "name": MODEL_DIR.name,
        "template_family": "raseed",
        "tool_call_format": "hermes",
        "context_length": config["max_position_embeddings"],
        "vocab_size": config["vocab_size"],
        "bos_token_id": config["bos_token_id"],
        "eos_token_ids": [config["eos_token_id"]],
        "kv": {
            "layers": config["num_hidden_layers"],
            "heads": config["num_key_value_heads"],
            "head_size": config["hidden_size"] // config["num_attention_heads"],
            "dtype": "float32",
        },
        "sha256": {name: hashlib.sha256((MODEL_DIR / name).read_bytes()).hexdigest() for name in ARTIFACTS},
    }
    (MODEL_DIR / "model.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    shutil.copyfile(directory / "tokenizer.json", MODEL_DIR / "tokenizer.json")
    export_onnx(directory)
    write_manifest(directory)
