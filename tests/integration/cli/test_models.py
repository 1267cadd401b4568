"""`raseed models` on a stopped system: everything but loading works."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.support.model_files import tiny_files

from raseed.adapters.cli import model_push


@pytest.fixture
def poet(tmp_path: Path) -> Path:
    folder = tmp_path / "poet"
    folder.mkdir()
    for name, content in tiny_files("poet").items():
        (folder / name).write_bytes(content)
    (folder / "recipe.py").write_text("what is no artifact stays here")
    return folder


def tar_of(path: Path, members: dict[str, bytes], *, link: str = "") -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        if link:
            entry = tarfile.TarInfo(link)
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(entry)
    return path


def zip_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_the_life_of_a_version_that_is_never_loaded(raseed, poet, tmp_path):
    pushed = raseed("models", "push", str(poet), "--version", "1", "--files-only", "--json").value
    assert (pushed["version"], pushed["state"], pushed["problem"]) == ("poet@1", "checked", "")
    assert (pushed["context_length"], pushed["vocab_size"], pushed["created_by"]) == (
        1024,
        880,
        "local-socket",
    )
    assert [file["name"] for file in pushed["files"]] == [
        *("chat_template.jinja", "model.json", "model.onnx", "tokenizer.json"),
    ]
    archive = tar_of(tmp_path / "two.tar.gz", {f"poet/{n}": c for n, c in tiny_files("poet").items()})
    raseed("models", "push", str(archive), "--version", "2", "--files-only", "--json")
    zipped = zip_of(tmp_path / "three.zip", tiny_files("poet"))
    raseed("models", "push", str(zipped), "--version", "3", "--files-only", "--json")
    listed = raseed("models", "list", "--json").value
    assert [version["version"] for version in listed] == ["poet@1", "poet@2", "poet@3"]
    assert len({version["files"][2]["sha256"] for version in listed}) == 1
    assert "poet@1  checked" in raseed("models", "list").out
    assert raseed("models", "show", "poet@1", "--json").value == listed[0]

    assert "only an approved version" in raseed("models", "alias", "set", "poet", "poet@1").refused()
    assert "only an approved version" in raseed("models", "pin", "poet@1").refused()
    assert "stack is stopped" in raseed("models", "load", "poet@1").refused()
    assert "stack is stopped" in raseed("models", "validate", "poet@1").refused()
    assert raseed("models", "keep", "poet@1", "--seconds", "60", "--json").value["keep_alive_s"] == 60
    assert raseed("models", "keep", "poet@1", "--json").value["keep_alive_s"] is None
    assert raseed("models", "alias", "list", "--json").value == []
    assert raseed("models", "ps", "--json").value == []

    for number in ("1", "2", "3"):
        raseed("models", "remove", f"poet@{number}", "--json")
    assert raseed("models", "list", "--json").value == []
    assert raseed("models", "gc", "--json").value == {"files": 0, "bytes": 0}  # not within the hour
    actions = [row["action"] for row in raseed("audit", "list", "--subject", "poet@1", "--json").value]
    assert actions == ["model.remove", "model.keep", "model.keep", "model.check", "model.add"]


def test_a_version_is_refused_and_says_why(raseed, tmp_path):
    folder = tmp_path / "bad"
    folder.mkdir()
    for name, content in tiny_files("bad", {"chat_template.jinja": b"{{ nothing("}).items():
        (folder / name).write_bytes(content)
    outcome = raseed("models", "push", str(folder), "--version", "1", "--files-only", "--json")
    assert outcome.status == 1
    assert "bad@1 is refused: the template fails: TemplateSyntaxError" in outcome.err
    assert outcome.value["state"] == "refused"
    assert "has other files" in raseed("models", "push", str(_other(tmp_path)), "--version", "1").refused()


def _other(tmp_path: Path) -> Path:
    folder = tmp_path / "other"
    folder.mkdir()
    for name, content in tiny_files("bad").items():
        (folder / name).write_bytes(content)
    return folder


def test_an_upload_goes_on_where_it_broke_off(raseed, poet, monkeypatch):
    note = b"\x32\x05fresh"  # its documentation: of a file that nobody has pushed yet
    for name, content in tiny_files(
        "poet", {"model.onnx": (poet / "model.onnx").read_bytes() + note}
    ).items():
        (poet / name).write_bytes(content)
    monkeypatch.setattr(model_push, "CALL_BYTES_MAX", 1_000_000)
    pieces: list[int] = []
    messages = model_push._messages

    def breaks_off(header, path):
        pieces.append(header.offset)
        if len(pieces) == 4:
            raise ConnectionResetError
        return messages(header, path)

    monkeypatch.setattr(model_push, "_messages", breaks_off)
    with pytest.raises(ConnectionResetError):
        raseed("models", "push", str(poet), "--version", "resumed", "--files-only")
    pieces.clear()
    pieces += [0] * 10
    done = raseed("models", "push", str(poet), "--version", "resumed", "--files-only", "--json")
    assert done.value["state"] == "checked"
    assert pieces[10] > 0  # not from the beginning


@pytest.mark.parametrize(
    ("member", "says"),
    [
        ("../model.json", "outside itself"),
        ("/model.json", "outside itself"),
        ("a/../../model.json", "outside itself"),
    ],
)
def test_archives_that_reach_out_are_refused(raseed, tmp_path, member, says):
    for archive in (
        tar_of(tmp_path / "evil.tar.gz", {member: b"{}"}),
        zip_of(tmp_path / "evil.zip", {member: b"{}"}),
    ):
        assert says in raseed("models", "push", str(archive), "--version", "1").refused()


def test_links_doubles_and_bombs_are_refused(raseed, tmp_path):
    push = ("models", "push")
    linked = tar_of(tmp_path / "linked.tar.gz", {}, link="model.json")
    assert "is a link" in raseed(*push, str(linked), "--version", "1").refused()
    twice = tar_of(tmp_path / "twice.tar.gz", {"a/model.json": b"{}", "b/model.json": b"{}"})
    assert "twice" in raseed(*push, str(twice), "--version", "1").refused()
    bomb = zip_of(tmp_path / "bomb.zip", {"model.json": bytes(50_000_000)})
    assert bomb.stat().st_size < 100_000
    assert "more than" in raseed(*push, str(bomb), "--version", "1").refused()
    many = zip_of(tmp_path / "many.zip", {f"{number}": b"" for number in range(2_000)})
    assert "there is no" in raseed(*push, str(many), "--version", "1").refused()
    text = tmp_path / "text"
    text.write_text("no archive")
    assert "cannot be read" in raseed(*push, str(text), "--version", "1").refused()
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "there is no model.onnx" in raseed(*push, str(empty), "--version", "1").refused()


def test_names_that_are_none(raseed, poet):
    assert "Invalid version" in raseed("models", "push", str(poet), "--version", "../1").refused()
    assert "Invalid" in raseed("models", "show", "../etc/passwd").refused()
    assert "There is no version" in raseed("models", "show", "poet@99").refused()
    assert "There is no alias" in raseed("models", "alias", "rollback", "nobody").refused()
    assert "There is no alias" in raseed("models", "show", "nobody").refused()
