"""Renders the model repository that a Triton server reads, from the models of this program."""

from __future__ import annotations

import filecmp
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from raseed.adapters.triton.files import task_of

VERSION = "1"
"""A Triton model name stands for one model and one version; Triton's own versions are not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How models for one task are run."""

    program: str
    """Folder of the program that they share, beside the models: its `model.py`, and its packages."""
    artifacts: tuple[str, ...]
    tensors: str
    """Of config.pbtxt."""


KINDS = {
    "generation": Kind(
        program="engine",
        artifacts=("model.onnx", "tokenizer.json", "chat_template.jinja", "model.json"),
        tensors="""\
model_transaction_policy { decoupled: true }
input [
  { name: "input_ids" data_type: TYPE_INT32 dims: [ -1 ] },
  { name: "request_json" data_type: TYPE_STRING dims: [ 1 ] }
]
output [
  { name: "token_ids" data_type: TYPE_INT32 dims: [ -1 ] },
  { name: "text_output" data_type: TYPE_STRING dims: [ 1 ] },
  { name: "event" data_type: TYPE_STRING dims: [ 1 ] }
]
""",
    ),
    "embedding": Kind(
        program="embedder",
        artifacts=("model.onnx",),
        tensors="""\
input [
  { name: "input_ids" data_type: TYPE_INT64 dims: [ -1, -1 ] },
  { name: "attention_mask" data_type: TYPE_INT64 dims: [ -1, -1 ] }
]
output [ { name: "sentence_embedding" data_type: TYPE_FP32 dims: [ -1, -1 ] } ]
""",
    ),
}

_CONFIG = """\
name: {name}
backend: "python"
max_batch_size: 0
instance_group [ {{ count: 1 kind: KIND_CPU }} ]
{tensors}parameters [
{parameters}
]
"""


class ModelFilesMissing(Exception):
    """A model or the engine is not where the caller says."""


def list_models(models_dir: Path) -> list[str]:
    """Names of the models below `models_dir`, sorted."""
    return sorted(path.parent.name for path in models_dir.glob("*/model.json"))


def render_repository(
    *,
    models_dir: Path,
    target: Path,
    python_env: Path,
    models: Iterable[str] | None = None,
    engine_parameters: Mapping[str, str] | None = None,
) -> list[str]:
    """Writes `<target>/<model>/config.pbtxt` and `<target>/<model>/1/…` for `models` (default: all).

    A model that is already there with the same content is left alone, also its times, so that a running server has
    nothing to reload. `engine_parameters` are the engine's settings (slots, flush_ms, …). Returns the names of the
    models. Raises ModelFilesMissing.
    """
    names = list_models(models_dir) if models is None else list(models)
    for name in names:
        staged = target / f".{name}.new"
        shutil.rmtree(staged, ignore_errors=True)
        _stage_model(models_dir, name, staged, python_env, engine_parameters or {})
        _put_in_place(staged, target / name)
    return names


def _stage_model(
    models_dir: Path, name: str, staged: Path, python_env: Path, engine_parameters: Mapping[str, str]
) -> None:
    version = staged / VERSION
    version.mkdir(parents=True)
    try:
        kind = KINDS[task_of(models_dir / name)]
        for artifact in kind.artifacts:
            shutil.copyfile(models_dir / name / artifact, version / artifact)
        program = models_dir / kind.program
        for source in [program / "model.py", *sorted(program.glob("*/*.py"))]:
            destination = version / source.relative_to(program)
            destination.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, destination)
    except FileNotFoundError as error:
        raise ModelFilesMissing(f"model {name}: {Path(error.filename).name} is missing") from error
    # Triton takes any change below the version directory for a new model and reloads it. The stub would write its
    # bytecode there; where a file has the name of the folder, Python silently goes without.
    (version / "__pycache__").touch()
    parameters = {"EXECUTION_ENV_PATH": str(python_env.absolute()), **engine_parameters}
    (staged / "config.pbtxt").write_text(render_config(name, parameters, kind), encoding="utf-8")


def render_config(name: str, parameters: Mapping[str, str], kind: Kind = KINDS["generation"]) -> str:
    """The text of config.pbtxt."""
    # JSON's string syntax is a subset of the text format's.
    lines = [
        f"  {{ key: {json.dumps(key)} value: {{ string_value: {json.dumps(value)} }} }}"
        for key, value in parameters.items()
    ]
    return _CONFIG.format(name=json.dumps(name), tensors=kind.tensors, parameters=",\n".join(lines))


def _put_in_place(staged: Path, target: Path) -> None:
    if target.exists():
        if _same_tree(staged, target):
            shutil.rmtree(staged)
            return
        shutil.rmtree(target)
    staged.rename(target)


def _same_tree(left: Path, right: Path) -> bool:
    left_files, right_files = _files_of(left), _files_of(right)
    return left_files == right_files and all(
        filecmp.cmp(left / path, right / path, shallow=False) for path in left_files
    )


def _files_of(root: Path) -> set[Path]:
    return {path.relative_to(root) for path in root.rglob("*") if path.is_file()}
