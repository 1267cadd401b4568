"""The wheel holds the whole product and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SHARE = "raseed/app/share"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    target = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(target)], cwd=ROOT, check=True)
    (path,) = target.glob("*.whl")
    return zipfile.ZipFile(path)


def packaged(wheel: zipfile.ZipFile) -> set[str]:
    return {name for name in wheel.namelist() if ".dist-info/" not in name}


def in_checkout(folder: str) -> set[str]:
    """Files under `folder`, relative to it, without what Python and the model's training leave there."""
    base = ROOT / folder
    return {
        path.relative_to(base).as_posix()
        for path in base.rglob("*")
        if path.is_file() and not {"__pycache__", "recipe"} & set(path.parts)
    }


@pytest.mark.parametrize("layer", ["core", "adapters", "generated"])
def test_each_layer_is_complete(wheel, layer):
    missing = {f"raseed/{name}" for name in in_checkout(f"{layer}/raseed")} - packaged(wheel)
    assert missing == set()


@pytest.mark.parametrize("folder", ["envoy", "triton_models"])
def test_shared_data_are_complete(wheel, folder):
    inside = {name for name in packaged(wheel) if name.startswith(f"{SHARE}/{folder}/")}
    assert inside == {f"{SHARE}/{folder}/{name}" for name in in_checkout(folder)}
    assert inside


def test_the_lock_for_the_models_is_there(wheel):
    name = "requirements-triton.lock"
    assert wheel.read(f"{SHARE}/{name}") == (ROOT / name).read_bytes()


def test_nothing_else_is_installed(wheel):
    assert {name.split("/")[0] for name in packaged(wheel)} == {"raseed"}
    assert "raseed/__init__.py" not in wheel.namelist()
    assert not [name for name in wheel.namelist() if "/recipe/" in name or "__pycache__" in name]


def test_the_command_and_the_licence(wheel):
    (folder,) = {name.split("/")[0] for name in wheel.namelist()} - {"raseed"}
    assert "raseed = raseed.app.main:main" in wheel.read(f"{folder}/entry_points.txt").decode()
    assert f"{folder}/licenses/LICENSE" in wheel.namelist()
