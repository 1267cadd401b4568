"""Every notice in every language; amounts and codes keep their direction; a template that is wrong stops the start."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from raseed.adapters.messaging.texts import TemplateError, parameters_of, parse_texts, read_texts
from raseed.core.messaging.notices import NOTICE_TYPES
from raseed.core.messaging.ports import (
    CODE_TEMPLATE,
    CONTACT_CHANGED_TEMPLATE,
    INVITATION_TEMPLATE,
    Channel,
    Language,
    Message,
)

TEXTS = read_texts("Raseed")
NAMES = [CODE_TEMPLATE, INVITATION_TEMPLATE, CONTACT_CHANGED_TEMPLATE, *NOTICE_TYPES]
ARABIC_DIGITS = re.compile("[٠-٩۰-۹]")
ISOLATES = re.compile("[\u2066\u2068](.*?)\u2069")


def message(template: str, language: Language, **parameters: str) -> Message:
    return Message(
        channel=Channel.EMAIL, to="a@example.com", language=language, template=template, parameters=parameters
    )


def source(language: Language) -> str:
    folder = files("raseed.adapters.messaging") / "templates"
    return (folder / f"{language}.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("name", NAMES)
def test_each_message_says_all_that_it_was_given(name: str, language: Language) -> None:
    given = {parameter: f"<{parameter}: 1,234.5>" for parameter in parameters_of(name)}
    rendered = TEXTS.render(message(name, language, **given))
    for value in given.values():
        assert value in rendered.text
    assert "\n" not in rendered.subject
    assert not re.search(r"[{}]", rendered.subject + rendered.text)
    assert not ARABIC_DIGITS.search(rendered.subject + rendered.text)
    is_arabic = bool(re.search("[\u0600-\u06ff]", re.sub(ISOLATES, "", rendered.text)))
    assert is_arabic == (language is Language.ARABIC)


@pytest.mark.parametrize("name", NAMES)
def test_in_arabic_each_value_is_isolated_and_whole(name: str) -> None:
    given = {parameter: f"2.000 KWD {number}" for number, parameter in enumerate(parameters_of(name))}
    rendered = TEXTS.render(message(name, Language.ARABIC, **given))
    address = given.pop("url", None)
    found = " ".join(ISOLATES.findall(rendered.text))
    assert all(value in found for value in given.values())
    assert address is None or address in rendered.text.splitlines()
    assert rendered.text.count("\u2066") + rendered.text.count("\u2068") == rendered.text.count("\u2069")


def test_an_address_is_not_cut_off() -> None:
    address = "https://pay.example/" + "a" * 1000
    given = {"plan": "Pro", "amount": "5.000 KWD", "ends_on": "2026-12-01", "url": address}
    assert address in TEXTS.render(message("renewal_link", Language.ENGLISH, **given)).text.splitlines()


def test_a_name_in_arabic_goes_from_right_to_left() -> None:
    rendered = TEXTS.render(message("key_created", Language.ARABIC, name="حاسوبي", last4="a1b2"))
    assert "\u2068حاسوبي\u2069" in rendered.text
    assert "\u2066a1b2\u2069" in rendered.text


@pytest.mark.parametrize(
    ("value", "english", "arabic"),
    [
        ("1", "1 credit", "نقطة واحدة"),
        ("5", "5 credits", "5 نقاط"),
        ("110", "110 credits", "110 نقاط"),
        ("11", "11 credits", "11 نقطة"),
        ("1,234.5", "1,234.5 credits", "1,234.5 نقطة"),
    ],
)
def test_amounts_have_their_unit(value: str, english: str, arabic: str) -> None:
    for language, expected in ((Language.ENGLISH, english), (Language.ARABIC, arabic)):
        assert expected in TEXTS.render(message("credit_warning", language, credits=value)).text


def test_a_profile_in_dollars_says_dollars() -> None:
    in_dollars = read_texts("Raseed", unit="USD")
    for language in Language:
        assert "$4.20" in in_dollars.render(message("credit_warning", language, credits="4.20")).text


def test_a_value_is_not_a_template() -> None:
    rendered = TEXTS.render(message("key_created", Language.ENGLISH, name="{last4} {x}", last4="a1b2"))
    assert "{last4} {x}" in rendered.text


def test_links_come_with_the_portal_on_lines_of_their_own() -> None:
    exhausted = message("credits_exhausted", Language.ARABIC)
    assert "http" not in TEXTS.render(exhausted).text
    assert TEXTS.render(exhausted).opt_out_url == ""
    with_portal = read_texts("Raseed", "https://raseed.example/")
    lines = with_portal.render(exhausted).text.splitlines()
    assert [line for line in lines if "http" in line] == [
        "https://raseed.example/billing/topup",
        "https://raseed.example/profile",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_what_can_be_switched_off_says_where(name: str) -> None:
    with_portal = read_texts("Raseed", "https://raseed.example")
    given = dict.fromkeys(parameters_of(name), "x")
    kind = next((kind for kind in NOTICE_TYPES if kind == name), None)
    optional = kind is not None and not NOTICE_TYPES[kind].is_essential
    for language in Language:
        rendered = with_portal.render(message(name, language, **given))
        assert rendered.opt_out_url == ("https://raseed.example/profile" if optional else "")


def test_metas_templates_have_numbers_for_parameters() -> None:
    for language in Language:
        for name in NOTICE_TYPES:
            text = TEXTS.numbered(name, language)
            expected = [f"{{{{{number}}}}}" for number in range(1, len(parameters_of(name)) + 1)]
            assert sorted(re.findall(r"\{\{\d\}\}", text)) == expected
            assert not re.search(r"[{}]", re.sub(r"\{\{\d\}\}", "", text))
    assert TEXTS.numbered("welcome", Language.ENGLISH) == "Welcome to Raseed. Your account begins with {{1}}."


def test_the_subject_does_not_show_the_code() -> None:
    for language in Language:
        assert "424242" not in TEXTS.render(message("code", language, code="424242", minutes="5")).subject


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("begins with {credits}", "begins with {credit}", "welcome has no parameter credit"),
        ("begins with {credits}", "begins with some", "the text of welcome does not say credits"),
        ("[welcome]", "[welcum]", "there is no template welcome"),
        ("[welcome]", "[welcum]", "nothing is sent with the template welcum"),
        ("Welcome to {service}. ", "Welcome to {service. ", "welcome has a brace"),
        ("Your {service} code", "{code} is yours", "the subject of code must not show the code"),
        ('subject = "Welcome to {service}"', 'subject = "a\\nb"', "welcome needs a text, and a subject"),
        ('link_text = "Top up"\n', "", "needs both link and link_text"),
        ('link_text = "Top up"\n', 'colour = "red"\n', "colour"),
        ("[welcome]", "[welcome", "en: "),
        ("[opt_out]", "[opt_in]", "opt_out"),
        ("\n{url}\n", " {url}\n", "renewal_link needs a line that is {url} alone"),
        ("[units.USD]", "[units.EUR]", "units.USD needs one, few and other"),
        ('few = "${value}"', 'few = "$"', "units.USD needs one, few and other"),
    ],
)
def test_a_wrong_template_stops_the_start(old: str, new: str, problem: str) -> None:
    text = source(Language.ENGLISH)
    assert old in text
    with pytest.raises(TemplateError, match=re.escape(problem)):
        parse_texts(Language.ENGLISH, text.replace(old, new))
