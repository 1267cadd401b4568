"""Files are looked at before anything loads them: what is wrong is said, and nothing that they do hurts us."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.model_files import ROOMY, TINY, stored_version, tiny_files

from raseed.adapters.models import checker
from raseed.adapters.models.artifacts import ArtifactFolder
from raseed.adapters.models.check import Problem, check_folder
from raseed.adapters.models.checker import ProcessChecker
from raseed.adapters.models.onnx_graph import GraphRefused, read_graph
from raseed.core.models.model import VersionFacts
from raseed.core.models.ports import FilesRefused

ONNX = (TINY / "model.onnx").read_bytes()
TEMPLATE = (TINY / "chat_template.jinja").read_bytes()
ENDLESS = b"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


def varint(number: int) -> bytes:
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


async def check(tmp_path: Path, files: dict[str, bytes], model: str = "poet") -> VersionFacts:
    folder = ArtifactFolder(tmp_path / "models", ROOMY)
    version = await stored_version(folder, model, files)
    return await ProcessChecker(folder, tmp_path / "work").check(version)


async def test_the_demo_model_passes_and_its_facts_are_told(tmp_path):
    facts = await check(tmp_path, tiny_files("poet"))
    assert (facts.context_length, facts.vocab_size, facts.dtype) == (1024, 880, "float32")
    rows = 65 * 4 * 2 * 2 * 1024 * 32 * 4
    assert facts.estimated_bytes == 2 * len(ONNX) + rows + 96 * 1024**2
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (tiny_files("poet", sha256={}), "digest"),
        (tiny_files("poet") | {"chat_template.jinja": TEMPLATE + b" "}, "digest"),
        (tiny_files("poet", vocab_size=881), "logits"),
        (tiny_files("poet", vocab_size=800), "logits"),
        (
            tiny_files("poet", kv={"layers": 3, "heads": 2, "head_size": 32, "dtype": "float32"}),
            "past_key_values.3",
        ),
        (tiny_files("poet", kv={"layers": 4, "heads": 4, "head_size": 32, "dtype": "float32"}), "shape"),
        (tiny_files("poet", kv={"layers": 4, "heads": 2, "head_size": 32, "dtype": "float16"}), "dtype"),
        (tiny_files("poet", eos_token_ids=[99_999]), "token"),
        (tiny_files("poet", context_length=-1), "context_length"),
        (tiny_files("poet", {"tokenizer.json": b"{}"}), "tokenizer.json is not a tokenizer"),
        (tiny_files("poet", {"chat_template.jinja": b"{{ messages[0].content }"}), "template fails"),
        (tiny_files("poet", {"chat_template.jinja": b"{{ ''.__class__.__mro__ }}"}), "template fails"),
        (tiny_files("poet", {"chat_template.jinja": b"{{ raise_exception('no') }}"}), "template fails"),
        (tiny_files("poet", {"model.onnx": ONNX[:-1]}), "not an ONNX file"),
        (tiny_files("poet", {"model.onnx": b"\x80\x04\x95pickle"}), "not an ONNX file"),
        (tiny_files("poet", {"model.onnx": field(7, ONNX[:10])}), "not an ONNX file"),
        (tiny_files("poet") | {"model.json": b"{}"}, "model.json"),
        (tiny_files("poet") | {"model.json": b"[" * 100_000}, "model.json"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, files, says):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Problem, match=says):
        check_folder(tmp_path)


async def test_the_files_of_another_model_are_refused(tmp_path):
    with pytest.raises(FilesRefused, match=r"model\.json is of 'other'"):
        await check(tmp_path, tiny_files("other"))


async def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(FilesRefused, match="cannot be read"):
        await check(tmp_path, tiny_files("poet", {"tokenizer.json": b"\xff"}))


async def test_a_template_that_does_not_end_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(checker, "CHECK_TIMEOUT_S", 5.0)
    with pytest.raises(FilesRefused, match="too long"):
        await check(tmp_path, tiny_files("poet", {"chat_template.jinja": ENDLESS}))


async def test_a_template_that_takes_all_memory_is_refused(tmp_path):
    eats = b"{% set x = 'x' * 10000000000 %}{{ x }}"
    with pytest.raises(FilesRefused):
        await check(tmp_path, tiny_files("poet", {"chat_template.jinja": eats}))


async def test_files_that_did_not_come_are_missed(tmp_path):
    folder = ArtifactFolder(tmp_path / "models", ROOMY)
    version = await stored_version(folder, "poet", tiny_files("poet"))
    (tmp_path / "models" / "blobs" / version.digest_of("model.onnx")).unlink()
    with pytest.raises(FilesRefused, match=r"lacks model\.onnx"):
        await ProcessChecker(folder, tmp_path / "work").check(version)


def test_the_demo_models_graph_is_read():
    graph = read_graph(ONNX)
    assert {"input_ids", "attention_mask", "past_key_values.0.key"} <= graph.inputs.keys()
    assert graph.node_count > 10


OUTSIDE = field(13, field(1, b"location") + field(2, b"../../etc/passwd"))


@pytest.mark.parametrize(
    ("graph", "says"),
    [
        (field(1, field(4, b"Evil") + field(7, b"my.company")), "operators of 'my.company'"),
        (field(5, OUTSIDE), "weights in other files"),
        (field(5, varint(14 << 3) + b"\x01"), "weights in other files"),
        (field(1, field(5, field(5, OUTSIDE))), "weights in other files"),
        (field(1, field(5, field(6, field(1, field(7, b"evil"))))), "operators of 'evil'"),
        (field(15, b""), "sparse"),
        (field(1, varint(7 << 3) + b"\x01"), "not an ONNX file"),
    ],
)
def test_a_graph_that_reaches_beyond_its_file_is_refused(graph, says):
    with pytest.raises(GraphRefused, match=says):
        read_graph(field(7, graph))


def test_a_graph_of_graphs_has_a_depth():
    inner = field(1, b"")
    for _ in range(1_000):
        inner = field(1, field(5, field(6, inner)))
    with pytest.raises(GraphRefused, match="deeply"):
        read_graph(field(7, inner))


def test_functions_of_its_own_are_refused():
    with pytest.raises(GraphRefused, match="functions"):
        read_graph(field(7, b"") + field(25, b""))
