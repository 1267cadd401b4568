from pathlib import Path

import pytest

from raseed.app import share

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", share.SHARED)
def test_a_checkout_has_each_shared_name_at_its_top(name):
    assert share.share_path(name) == ROOT / name


def test_an_installed_wheel_has_them_under_share(tmp_path, monkeypatch):
    installed = tmp_path / "share" / "envoy"
    installed.mkdir(parents=True)
    monkeypatch.setattr(share, "files", lambda _: tmp_path)
    assert share.share_path("envoy") == installed


def test_other_names_are_refused():
    with pytest.raises(KeyError):
        share.share_path("../pyproject.toml")


def test_a_missing_piece_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(share, "files", lambda _: tmp_path)
    monkeypatch.setattr(share, "__file__", str(tmp_path / "a/b/c/share.py"))
    with pytest.raises(FileNotFoundError, match="triton_models"):
        share.share_path("triton_models")
