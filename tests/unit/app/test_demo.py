"""`raseed up --demo` starts nothing that could be taken for the real thing, and tells its secrets to nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from raseed.app.demo import CREDENTIALS_VARIABLE, find_checkout, prepare_demo
from raseed.app.process import StartFailed
from raseed.app.settings.configuration import Configuration, load_configuration

ROOT = Path(__file__).parents[3]


def configured(tmp_path: Path, **environ: str) -> Configuration:
    return load_configuration({"RASEED_HOME": str(tmp_path), **environ}, tmp_path)


def test_the_emulators_are_found_beside_the_program():
    assert find_checkout() == ROOT


def test_an_installed_wheel_has_none(tmp_path):
    with pytest.raises(StartFailed, match=r"^the demo needs the checkout: [^\n]+$"):
        prepare_demo(configured(tmp_path), {}, None)


@pytest.mark.parametrize(
    "environ",
    [
        {"RASEED_SERVER_PRODUCTION": "true"},
        {"RASEED_MYFATOORAH_MODE": "live"},
        {"RASEED_CREEM_MODE": "live", "RASEED_CREEM_API_KEY": "creem_real", "RASEED_MYFATOORAH_MODE": "test"},
    ],
)
def test_where_money_is_real_there_is_no_demo(tmp_path, environ):
    with pytest.raises(StartFailed, match="play money would buy real credit"):
        prepare_demo(configured(tmp_path, **environ), {}, ROOT)


def test_stack_and_emulators_have_the_same_new_secrets_and_nobody_else_has(tmp_path):
    own = {"RASEED_MYFATOORAH_TOKEN": "a-real-token", "RASEED_MESSAGING_EMAIL": "smtp", "PATH": "/bin"}
    demo, other = (prepare_demo(configured(tmp_path), own, ROOT) for _ in range(2))
    given = json.loads(demo.process.environment[CREDENTIALS_VARIABLE])
    environ = demo.environ
    assert environ["RASEED_MYFATOORAH_TOKEN"] == given["myfatoorah"]["token"]
    assert environ["RASEED_MYFATOORAH_WEBHOOK_SECRET"] == given["myfatoorah"]["secret"]
    assert environ["RASEED_CREEM_API_KEY"] == given["creem"]["api_key"]
    assert environ["RASEED_CREEM_WEBHOOK_SECRET"] == given["creem"]["secret"]
    assert (environ["RASEED_MESSAGING_EMAIL"], environ["PATH"]) == ("outbox", "/bin")
    assert other.environ["RASEED_MYFATOORAH_TOKEN"] != environ["RASEED_MYFATOORAH_TOKEN"]
    secrets = {text for each in given.values() for text in each.values()}
    said = " ".join([*demo.process.argv, *demo.lines(configured(tmp_path))])
    assert not [secret for secret in secrets if secret in said]
    assert "a-real-token" not in json.dumps(dict(demo.process.environment))


def test_the_stack_can_be_started_with_it(tmp_path):
    def settings(profile: str) -> Any:
        mine = {"RASEED_HOME": str(tmp_path), "RASEED_BILLING_PROFILE": profile}
        demo = prepare_demo(load_configuration(mine, tmp_path), mine, ROOT)
        return load_configuration(demo.environ, tmp_path).settings

    assert settings("resayil").creem.products == ()
    assert settings("kissapi").creem.products == ("topup=prod_EmulatedTopup",)
