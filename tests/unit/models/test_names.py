"""Names of models, versions and aliases: none of them can be a path, and no two of them mean the same folder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model_versions import artifacts

from raseed.core.errors import RequestInvalid
from raseed.core.models.model import (
    ARTIFACTS_NEEDED,
    Artifact,
    VersionName,
    check_alias,
    check_artifacts,
    parse_version,
    version_name,
)

PATHS = (
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "/etc",
    "a\\b",
    "a..b",
    "-a",
    "a-",
    "a--b",
    "A",
    "a b",
    "a\n",
    "ä",
    "a\0",
)


@pytest.mark.parametrize("name", [*PATHS, "x" * 65])
def test_a_model_whose_name_could_be_a_path_is_refused(name):
    for model, version in ((name, "1"), ("tiny", name)):
        with pytest.raises(RequestInvalid):
            version_name(model, version)


@given(st.text(), st.text())
def test_a_name_that_is_accepted_is_one_folder(model, version):
    try:
        name = version_name(model, version)
    except RequestInvalid:
        return
    folder = name.triton_name
    assert not set("/\\\0\n ") & set(folder)
    assert ".." not in folder
    assert VersionName(*folder.split("--")) == name  # and of nobody else
    assert parse_version(str(name)) == name


@pytest.mark.parametrize("alias", ["gpt-4", "meta/Llama-3.1:8b", "a"])
def test_aliases_that_customers_use(alias):
    assert check_alias(alias) == alias


@pytest.mark.parametrize("alias", ["", "/a", "a/", "a//b", "../a", "a b", "a\n", "a@1", "x" * 129])
def test_aliases_that_would_be_misread(alias):
    with pytest.raises(RequestInvalid):
        check_alias(alias)


def test_artifacts_are_those_that_we_know():
    assert [each.name for each in check_artifacts(artifacts()[::-1])] == sorted(ARTIFACTS_NEEDED)
    digest = "a" * 64
    for wrong in (
        Artifact("model.py", digest, 1),
        Artifact("weights.bin", digest, 1),
        Artifact("../model.onnx", digest, 1),
        Artifact("CARD.md", digest, 0),
        Artifact("CARD.md", digest, 2 * 1024 * 1024),
        Artifact("CARD.md", "A" * 64, 1),
        Artifact("CARD.md", "a" * 63, 1),
        artifacts()[0],
    ):
        with pytest.raises(RequestInvalid):
            check_artifacts((*artifacts(), wrong))
    with pytest.raises(RequestInvalid):
        check_artifacts(artifacts()[1:])
