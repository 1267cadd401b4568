"""Settings: file and environment, and every problem named with its place."""

import re
from pathlib import Path
from typing import get_type_hints

import pytest

from raseed.app.settings.configuration import Settings, load_configuration
from raseed.app.settings.reader import ConfigError, listed


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    configuration = load_configuration({}, tmp_path)
    assert configuration.settings == Settings()
    assert configuration.home == tmp_path / ".raseed"
    assert configuration.file is None


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "raseed.toml").write_text("[server]\nport = 9001\n[scripted]\nenabled = true\n")
    environ = {"RASEED_PORT": "9002", "RASEED_SCRIPTED_MODELS": "a, b", "RASEED_LIMITS_ENABLED": "false"}
    settings = load_configuration(environ, tmp_path).settings
    assert settings.server.port == 9002
    assert settings.scripted.enabled
    assert settings.scripted.models == ("a", "b")
    assert not settings.limits.enabled


def test_home_and_file_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("[server]\nport = 9003\n")
    configuration = load_configuration({"RASEED_HOME": "state", "RASEED_CONFIG": "other.toml"}, tmp_path)
    assert configuration.home == tmp_path / "state"
    assert configuration.settings.server.port == 9003


def test_a_clients_own_variable_is_not_a_setting(tmp_path: Path) -> None:
    assert load_configuration({"RASEED_API_KEY": "x"}, tmp_path).settings == Settings()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis://cache",
        "redis://127.0.0.1:6379/1",
        "rediss://user:p%40ss@cache.example:6380",
        "redis://[::1]:1/0?db=2",
    ],
)
def test_the_address_of_a_redis(tmp_path: Path, url: str) -> None:
    assert load_configuration({"RASEED_LIMITS_REDIS_URL": url}, tmp_path).settings.limits.redis_url == url


@pytest.mark.parametrize(
    "url", ["cache:6379", "http://cache", "redis://", "redis://cache:port", "redis://a b"]
)
def test_what_is_no_address_of_a_redis(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"RASEED_LIMITS_REDIS_URL: limits\.redis_url: "):
        load_configuration({"RASEED_LIMITS_REDIS_URL": url}, tmp_path)


@pytest.mark.parametrize("listen", ["", "127.0.0.1:9443", "[::1]:9443", "127.8.0.1:1"])
def test_the_admin_listener_is_on_this_machine_unless_others_are_meant(tmp_path: Path, listen: str) -> None:
    environ = {"RASEED_ADMIN_LISTEN": listen, "RASEED_ADMIN_ADDRESS": "elsewhere:1"}
    assert load_configuration(environ, tmp_path).settings.admin.listen == listen
    remote = {"RASEED_ADMIN_LISTEN": "0.0.0.0:9443", "RASEED_ADMIN_ALLOW_REMOTE": "true"}
    assert load_configuration(remote, tmp_path).settings.admin.allow_remote


@pytest.mark.parametrize(
    ("text", "environ", "problem"),
    [
        ("[server]\nport = 70000\n", {}, r"raseed\.toml:2: server\.port: .*65535.*got 70000"),
        ("[server]\n\nprt = 1\n", {}, r"raseed\.toml:3: unknown key server\.prt; known: host, port"),
        ("[sever]\nport = 1\n", {}, r"raseed\.toml:1: unknown section \[sever\]"),
        ("[core]\nworkers = 'two'\n", {}, r"raseed\.toml:2: core\.workers: .*got 'two'"),
        ("[core]\nworkers = 2\n", {}, r"raseed\.toml:2: more than one worker needs PostgreSQL"),
        ("[core\n", {}, r"raseed\.toml: "),
        ("", {"RASEED_PORT": "x"}, r"RASEED_PORT: server\.port: .*got 'x'"),
        ("", {"RASEED_SERVER_PROT": "1"}, r"RASEED_SERVER_PROT: there is no such setting"),
        (
            "[admin]\nlisten = '0.0.0.0:9443'\n",
            {},
            r"raseed\.toml:2: admin\.listen .*not a loopback address.*allow_remote",
        ),
        ("[admin]\nlisten = 'localhost:9443'\n", {}, r"raseed\.toml:2: admin\.listen is an IP address"),
        ("[admin]\nlisten = '127.0.0.1'\n", {}, r"raseed\.toml:2: admin\.listen is an IP address"),
        ("", {"RASEED_ADMIN_LISTEN": "[::]:1"}, r"RASEED_ADMIN_LISTEN: admin\.listen .*not a loopback"),
        (
            "[smtp]\n\npassword = 'x'\n",
            {},
            r"raseed\.toml:3: smtp\.password is secret: set RASEED_SMTP_PASSWORD or RASEED_SMTP_PASSWORD_FILE$",
        ),
        (
            "",
            {"RASEED_SMTP_PASSWORD_FILE": "gone"},
            r"RASEED_SMTP_PASSWORD_FILE: the file gone cannot be read",
        ),
        ("", {"RASEED_SMTP_HOST_FILE": "x"}, r"RASEED_SMTP_HOST_FILE: there is no such setting"),
        (
            "[messaging]\nemail = 'smtp'\n[smtp]\nhost = 'a'\n",
            {},
            r"raseed\.toml:2: the driver smtp needs smtp\.sender$",
        ),
        (
            "[messaging]\nemail = 'smtp'\n[smtp]\nhost = 'a'\nsender = 'Raseed'\n",
            {},
            r"raseed\.toml:5: smtp\.sender has no e-mail address in it$",
        ),
        (
            "[messaging]\noperators = ['a@b.example', '96550123456']\n",
            {},
            r"raseed\.toml:2: messaging\.operators: '96550123456' is no e-mail address",
        ),
        (
            "",
            {"RASEED_MESSAGING_WHATSAPP": "whatsapp_meta"},
            r"RASEED_MESSAGING_WHATSAPP: the driver whatsapp_meta needs whatsapp_meta\.phone_number_id, whatsapp_meta\.token",
        ),
        (
            "[messaging]\nwhatsapp = 'whatsapp_http'\n[whatsapp_http]\nbody_template = '{}'\n",
            {"RASEED_WHATSAPP_HTTP_TOKEN": "x"},
            r"whatsapp_http\.body_template needs \{text\}",
        ),
        ("", {"RASEED_CONFIG": "gone.toml"}, r"RASEED_CONFIG: there is no file gone\.toml"),
    ],
)
def test_a_problem_is_one_line_with_its_place(
    tmp_path: Path, text: str, environ: dict[str, str], problem: str
) -> None:
    (tmp_path / "raseed.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_configuration(environ, tmp_path)
    assert len(caught.value.problems) == 1
    assert re.match(problem, caught.value.problems[0])
    assert "\n" not in caught.value.problems[0]


def test_a_secret_comes_from_the_environment_or_a_file_and_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    environ = {"RASEED_SMTP_PASSWORD": "of-the-mail", "RASEED_WHATSAPP_META_TOKEN_FILE": "token"}
    settings = load_configuration(environ, tmp_path).settings
    assert settings.smtp.password.text == "of-the-mail"
    assert settings.whatsapp_meta.token.text == "from-a-file"
    assert "of-the-mail" not in repr(settings)
    assert "from-a-file" not in repr(settings)


@pytest.mark.parametrize(
    "url",
    [
        *(f"postgresql://raseed:hid{char}den@127.0.0.1:5432/raseed" for char in "/#?@ "),
        "postgresql://raseed:1/hid@den@127.0.0.1/raseed",
        "postgresql://raseed:1?hid@den@127.0.0.1/raseed",
        "postgresql://127.0.0.1:hidden/raseed",
        "mysql://raseed:hidden@127.0.0.1/raseed",
        "postgres:/raseed:hidden",
    ],
)
@pytest.mark.parametrize("variable", ["RASEED_DATABASE_URL", "RASEED_LIMITS_REDIS_URL"])
def test_a_password_in_a_wrong_address_is_not_shown(tmp_path: Path, variable: str, url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_configuration({variable: url}, tmp_path)
    [problem] = caught.value.problems
    assert re.match(rf"{variable}: .*no such address", problem)
    assert "hid" not in problem


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://raseed@/raseed?host=/var/run/postgresql",
        "postgres://raseed:p%2Fw%40%25@db.example:5432/raseed?sslmode=verify-full",
        "postgresql://raseed:p!$&'()*+,;=w@[2001:db8::1]:5432/raseed",
        "postgresql://raseed@one:5432,two:5433/raseed",
        "postgresql://db",
    ],
)
def test_addresses_of_databases(tmp_path: Path, url: str) -> None:
    assert load_configuration({"RASEED_DATABASE_URL": url}, tmp_path).settings.database.url == url


def test_a_secret_is_in_no_problem(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    (tmp_path / "raseed.toml").write_text("[smtp]\npassword = 'in-the-file'\n")
    environ = {"RASEED_SMTP_PASSWORD": "of-the-mail", "RASEED_SMTP_PASSWORD_FILE": "token"}
    with pytest.raises(ConfigError) as caught:
        load_configuration(environ, tmp_path)
    assert len(caught.value.problems) == 2
    for secret in ("in-the-file", "of-the-mail", "from-a-file"):
        assert secret not in str(caught.value)


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "raseed.toml").write_text("[server]\nport = 0\n[log]\nlevel = 'loud'\n")
    with pytest.raises(ConfigError) as caught:
        load_configuration({"RASEED_CORE_SLOTS": "0"}, tmp_path)
    assert len(caught.value.problems) == 3


def test_every_setting_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs/configuration.md").read_text(encoding="utf-8")
    for section, kind in get_type_hints(Settings).items():
        part = page.partition(f"## [{section}]")[2].partition("\n## ")[0]
        for key in kind.__struct_fields__:
            assert f"| `{key}` |" in part, f"{section}.{key}"


GOOD_CREEM = {
    "RASEED_CREEM_API_KEY": "creem_test_1",
    "RASEED_CREEM_WEBHOOK_SECRET": "whsec_0123456789abcdef, whsec_another_secret",
    "RASEED_CREEM_PRODUCTS": "topup=prod_1, pack:a_1=prod_2",
    "RASEED_CREEM_URL": "http://127.0.0.1:9000",
}


def test_a_shop_at_creem(tmp_path: Path) -> None:
    creem = load_configuration(GOOD_CREEM, tmp_path).settings.creem
    assert creem.products == ("topup=prod_1", "pack:a_1=prod_2")
    assert listed(creem.webhook_secret) == ("whsec_0123456789abcdef", "whsec_another_secret")
    assert "creem_test_1" not in repr(creem)
    live = {"RASEED_CREEM_API_KEY": "creem_1", "RASEED_CREEM_MODE": "live"}
    assert load_configuration(live, tmp_path).settings.creem.mode == "live"
    assert listed(Settings().creem.webhook_secret) == ()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"RASEED_CREEM_API_KEY": "creem_1"}, "is no key of Creem's for creem.mode = test"),
        ({"RASEED_CREEM_API_KEY": "sk_1"}, "is no key of Creem's for creem.mode = test"),
        ({"RASEED_CREEM_MODE": "live"}, "is no key of Creem's for creem.mode = live"),
        (
            {"RASEED_CREEM_MODE": "live", "RASEED_CREEM_API_KEY": "creem_1"},
            "RASEED_CREEM_URL: creem.url is for tests",
        ),
        ({"RASEED_CREEM_WEBHOOK_SECRET": "short"}, "at least 16 characters"),
        ({"RASEED_CREEM_WEBHOOK_SECRET": "whsec_0123456789abcdef,"}, "at least 16 characters"),
        ({"RASEED_CREEM_PRODUCTS": "topup=prod_1,topup=prod_2"}, "topup is named twice"),
        ({"RASEED_CREEM_PRODUCTS": "topup"}, "creem.products"),
        ({"RASEED_CREEM_PRODUCTS": "pack=prod_1"}, "creem.products"),
        ({"RASEED_CREEM_URL": "api.creem.io"}, "creem.url"),
    ],
)
def test_what_contradicts_itself_about_creem(tmp_path: Path, given: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_configuration(GOOD_CREEM | given, tmp_path)
    assert problem in str(caught.value)
    assert given.get("RASEED_CREEM_WEBHOOK_SECRET", "no secret") not in str(caught.value)


def test_an_account_at_myfatoorah(tmp_path: Path) -> None:
    first, second = "a" * 16, "b+/=" * 8
    given = {"RASEED_MYFATOORAH_TOKEN": "token-1", "RASEED_MYFATOORAH_WEBHOOK_SECRET": f"{first}, {second}"}
    myfatoorah = load_configuration(given, tmp_path).settings.myfatoorah
    assert listed(myfatoorah.webhook_secret) == (first, second)
    assert "token-1" not in repr(myfatoorah)


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"RASEED_MYFATOORAH_WEBHOOK_SECRET": "a" * 16 + ",short-secret"}, "at least 16 bytes"),
        ({"RASEED_MYFATOORAH_WEBHOOK_SECRET": "a" * 16 + ","}, "at least 16 bytes"),
        ({"RASEED_MYFATOORAH_URL": "https://api.myfatoorah.com/"}, "myfatoorah.url is for tests"),
        (
            {"RASEED_MYFATOORAH_URL": "http://127.0.0.1:9", "RASEED_MYFATOORAH_MODE": "live"},
            "RASEED_MYFATOORAH_URL: myfatoorah.url is for tests",
        ),
        ({"RASEED_MYFATOORAH_COUNTRY": "USA"}, "myfatoorah.country"),
        ({"RASEED_MYFATOORAH_PAGE_LIFE_S": "60"}, "myfatoorah.page_life_s"),
    ],
)
def test_what_contradicts_itself_about_myfatoorah(
    tmp_path: Path, environ: dict[str, str], problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_configuration(environ, tmp_path)
    assert problem in str(caught.value)
    assert "short-secret" not in str(caught.value)
