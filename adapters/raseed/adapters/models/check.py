"""Looks at the files of one version: `python -m raseed.adapters.models.check FOLDER`, as a process of its own.

Tokenizers, templates and graphs are programs of a kind, and their readers are what a bad file aims at. So they are read
here, within bounds of memory and time that the kernel keeps, before any worker or server opens them. The answer is one line
of JSON: facts, or a problem.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import resource
import sys
from pathlib import Path
from typing import Any

import msgspec

from raseed.adapters.models.manifest import Manifest, read_manifest
from raseed.adapters.models.onnx_graph import FLOAT, INT64, GraphRefused, Tensor, read_graph

CPU_S_MAX = 60
"""The largest tokenizers take 5 s to read."""
MEMORY_BYTES_MAX = 4 * 1024**3
"""Beside the files themselves. It bounds addresses, of which libraries take far more than they use."""
SLOTS = 64
"""Rows of the engine unless a configuration says otherwise (triton_models/engine)."""
PROCESS_BYTES = 96 * 1024**2
"""An engine without a model: its interpreter and libraries."""
_ROUND_TRIPS = ("Hello, world!", " Grüße, 你好\r\n  x", "مرحبا 🎉", "e\u0301\n\t{}[]\\")


class Problem(Exception):
    """The message is one line of our own words."""


def check_folder(folder: Path) -> dict[str, Any]:
    """The facts of a version whose files lie there under their names. Raises Problem."""
    try:
        manifest = read_manifest((folder / "model.json").read_bytes())
    except msgspec.DecodeError as error:
        raise Problem(f"model.json: {error}") from error
    for name in ("model.onnx", "tokenizer.json", "chat_template.jinja"):
        with (folder / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if manifest.sha256.get(name) != digest:
            raise Problem(f"{name} does not have the digest of model.json")
    _check_graph(folder / "model.onnx", manifest)
    _check_prompts(folder, manifest)
    kv = manifest.kv
    row_bytes = kv.layers * 2 * kv.heads * manifest.context_length * kv.head_size * 4
    # A session reads the file, and then has the weights a second time, as its kernels want them.
    weights = 2 * (folder / "model.onnx").stat().st_size
    return {
        "name": manifest.name,
        "context_length": manifest.context_length,
        "vocab_size": manifest.vocab_size,
        "dtype": kv.dtype,
        "estimated_bytes": weights + (SLOTS + 1) * row_bytes + PROCESS_BYTES,
    }


def _check_graph(path: Path, manifest: Manifest) -> None:
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        graph = read_graph(content)
    except GraphRefused as refused:
        raise Problem(str(refused)) from refused
    kv = manifest.kv
    memory = Tensor(FLOAT, (None, kv.heads, None, kv.head_size))
    names = [f"{layer}.{side}" for layer in range(kv.layers) for side in ("key", "value")]
    ids = Tensor(INT64, (None, None))
    _compare(
        "inputs",
        graph.inputs,
        {f"past_key_values.{name}": memory for name in names} | {"input_ids": ids, "attention_mask": ids},
    )
    logits = Tensor(FLOAT, (None, None, manifest.vocab_size))
    _compare("outputs", graph.outputs, {f"present.{name}": memory for name in names} | {"logits": logits})


def _compare(what: str, found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    if found.keys() != wanted.keys():
        odd = min(found.keys() ^ wanted.keys())
        raise Problem(f"the graph's {what} are not those of model.json: {odd[:64]}")
    for name, tensor in wanted.items():
        there = found[name]
        is_same = there.element == tensor.element and len(there.dims) == len(tensor.dims)
        if not is_same or any(
            size is not None and asked is not None and size != asked
            for size, asked in zip(there.dims, tensor.dims, strict=True)
        ):
            raise Problem(f"the graph's {name} has another shape or type than model.json says")


def _check_prompts(folder: Path, manifest: Manifest) -> None:
    # Here, so that what only reads a graph does not need them.
    from tokenizers import Tokenizer

    from raseed.adapters.triton.prompt import EncodingPool, PromptEncoder, TemplateUnusable
    from raseed.core.errors import RaseedError
    from raseed.core.inference.model import ChatRequest, Message, Role, Tool

    tokenizer_json = (folder / "tokenizer.json").read_text("utf-8")
    try:
        tokenizer = Tokenizer.from_str(tokenizer_json)
    except Exception as error:
        raise Problem("tokenizer.json is not a tokenizer") from error
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    if size > manifest.vocab_size:
        raise Problem(f"the tokenizer has {size} tokens, and the model {manifest.vocab_size}")
    if any(token >= size for token in (manifest.bos_token_id, *manifest.eos_token_ids)):
        raise Problem("model.json names a token that the tokenizer does not have")
    for text in _ROUND_TRIPS:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        if tokenizer.decode(ids, skip_special_tokens=False) != text:
            raise Problem("the tokenizer does not give a text back as it was")
    try:
        encoder = PromptEncoder(
            tokenizer_json=tokenizer_json,
            template=(folder / "chat_template.jinja").read_text("utf-8"),
            context_length=manifest.context_length,
            pool=EncodingPool(threads=1),
            begin_token=manifest.bos_token_id,
        )
        hello = Message(role=Role.USER, text="Hello")
        tools = (Tool(name="add", description="Adds.", parameters_json='{"type":"object"}'),)
        with_tools = tools if manifest.tool_call_format is not None else ()
        encoder.render(ChatRequest(model=manifest.name, messages=(hello,), tools=with_tools))
    except TemplateUnusable as error:
        raise Problem(f"the template and the tokenizer do not go together: {error}") from error
    except RaseedError as error:
        raise Problem("the template refuses a message") from error
    except Exception as error:
        raise Problem(f"the template fails: {type(error).__name__}") from error


def bound(folder: Path) -> None:
    """Lets the kernel end this process when it takes too much."""
    files = sum(path.stat().st_size for path in folder.iterdir())
    memory = MEMORY_BYTES_MAX + 2 * files
    for kind, most in (
        (resource.RLIMIT_CPU, CPU_S_MAX),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def main() -> None:
    folder = Path(sys.argv[1])
    bound(folder)
    try:
        answer = check_folder(folder)
    except Problem as problem:
        answer = {"problem": str(problem)}
    except (OSError, UnicodeDecodeError, MemoryError) as error:
        answer = {"problem": f"a file cannot be read: {type(error).__name__}"}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
