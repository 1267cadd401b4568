"""`[[providers]]` and `[[targets]]`: what is read, and what is said of what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from raseed.app.settings.configuration import load_configuration
from raseed.app.settings.providers import Providers
from raseed.app.settings.reader import ConfigError

GOOD = """\
[server]
port = 8081

[[providers]]
name = "open-ai"
kind = "openai"

[[providers]]
name = "here"
kind = "vllm"
url = "http://127.0.0.1:8000/v1"
allow_private = true

[[targets]]
model = "acme/fast"
provider = "open-ai"
upstream_model = "gpt-fast"
extra_body = { service_tier = "default" }

[[targets]]
model = "acme/fast"
provider = "here"
capabilities = ["tools", "images"]
priority = 1
"""
KEY = {"RASEED_PROVIDER_OPEN_AI_API_KEY": "sk-secret"}


def load(folder: Path, text: str, **environ: str) -> Providers:
    (folder / "raseed.toml").write_text(text)
    return load_configuration(environ, folder).providers


def problems(folder: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load(folder, text, **environ)
    return refused.value.problems


def test_good(tmp_path: Path) -> None:
    found = load(tmp_path, GOOD, **KEY)
    assert [account.name for account in found.accounts] == ["open-ai", "here"]
    assert [(target.model, target.provider) for target in found.targets] == [
        ("acme/fast", "open-ai"),
        ("acme/fast", "here"),
    ]
    assert found.keys["open-ai"].text == "sk-secret"
    assert "sk-secret" not in repr(found)


def test_key_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-from-file\n")
    found = load(tmp_path, GOOD, RASEED_PROVIDER_OPEN_AI_API_KEY_FILE="key")
    assert found.keys["open-ai"].text == "sk-from-file"


def test_none(tmp_path: Path) -> None:
    assert load(tmp_path, "").accounts == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "openai"', 'kind = "opeani"', "there is no kind opeani"),
        (
            'kind = "openai"',
            'kind = "openai"\napi_key = "sk-x"',
            "raseed.toml:4: api_key is secret: set RASEED_",
        ),
        ('kind = "openai"', 'kind = "openai"\nurl = "http://x.example"', "sends keys in clear"),
        (
            'kind = "openai"',
            'kind = "openai"\nbase_url = ""',
            "raseed.toml:4: providers: Object contains unknown",
        ),
        ("allow_private = true", "", "its url sends keys in clear"),
        ('url = "http://127.0.0.1:8000/v1"', "", "a provider of kind vllm needs its url"),
        (
            'provider = "here"',
            'provider = "there"',
            "there is no provider there; known: open-ai, here, triton",
        ),
        ('provider = "here"', 'provider = "open-ai"\nupstream_model = "gpt-fast"', "is at open-ai twice"),
        ('name = "here"', 'name = "open-ai"', "open-ai is named twice"),
        ('name = "here"', 'name = "triton"', "the name triton is for local models"),
        ('name = "here"', 'name = "Here"', "raseed.toml:8: providers: Expected `str` matching"),
        ("service_tier", "messages", "extra_body.messages is for each request to say"),
        ("priority = 1", "weight = 0", "raseed.toml:20: targets: Expected `int` >= 1"),
        ('["tools", "images"]', '["tool"]', "raseed.toml:20: targets: Invalid enum value 'tool'"),
        ('[[providers]]\nname = "here"', '[providers]\nname = "here"', "raseed.toml"),
    ],
)
def test_bad(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in GOOD
    assert any(said in line for line in problems(tmp_path, GOOD.replace(old, new, 1), **KEY))


def test_keys(tmp_path: Path) -> None:
    missing = problems(tmp_path, GOOD)
    assert missing == [
        "[[providers]] open-ai: its key is missing: set RASEED_PROVIDER_OPEN_AI_API_KEY, or the same with _FILE"
    ]
    stray = problems(tmp_path, GOOD, **KEY, RASEED_PROVIDER_OTHER_API_KEY="x")
    assert stray == ["RASEED_PROVIDER_OTHER_API_KEY: there is no [[providers]] of this name"]
    both = problems(tmp_path, GOOD, **KEY, RASEED_PROVIDER_OPEN_AI_API_KEY_FILE="key")
    assert "one is enough" in both[0]
    split = problems(tmp_path, GOOD, RASEED_PROVIDER_OPEN_AI_API_KEY="sk\r\nx-evil: 1")
    assert split[0].endswith("a key has visible ASCII characters alone")
    assert "evil" not in "".join(split)
