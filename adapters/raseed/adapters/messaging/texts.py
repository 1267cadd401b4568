"""The texts of all messages, in every language, checked when they are read: a wrong parameter stops the start."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import get_args

import msgspec

from raseed.core.billing.policy import UnitOfAccount
from raseed.core.messaging.notices import NOTICE_TYPES
from raseed.core.messaging.ports import (
    CODE_TEMPLATE,
    CONTACT_CHANGED_TEMPLATE,
    INVITATION_TEMPLATE,
    Language,
    Message,
)

NO_NOTICES: Mapping[str, tuple[str, ...]] = {
    CODE_TEMPLATE: ("code", "minutes"),
    INVITATION_TEMPLATE: ("organisation", "code", "days"),
    CONTACT_CHANGED_TEMPLATE: (),
}
"""Templates of messages that are sent at once, with their parameters."""
UTILITY_TEMPLATES = (
    *(name for name in NO_NOTICES if name != CODE_TEMPLATE),
    *(kind.value for kind in NOTICE_TYPES),
)
"""What Meta has to know and has no form of its own for."""
VALUE_CHARS_MAX = 256
"""Of a parameter; the rest is cut off."""
ADDRESS = "url"
"""A parameter that is the address of a page: it has a line to itself, and nothing of it is cut off or marked."""
LONG_VALUES = {"text": 900, ADDRESS: 2048}
"""Those that people wrote to be read as they are, and addresses: half of one leads nowhere."""
SERVICE = "service"
"""A parameter that every template may name: what this service is called."""
AMOUNT = "credits"
"""A parameter that is an amount of credit: its unit, which the profile names, is added."""
_PARAMETER = re.compile(r"\{([a-z0-9_]+)\}")
_BRACE = re.compile(r"[{}]")
_RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LEFT_TO_RIGHT_ISOLATE, _FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2066", "\u2068", "\u2069"


class TemplateError(Exception):
    """The templates are not what the notices need. One line for each problem."""


class _Unit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an amount is said, with `{value}`."""

    one: str
    few: str
    """Of 3 to 10, 103 to 110 and so on, which Arabic counts in another way."""
    other: str

    def say(self, value: str) -> str:
        number = int(value) if value.isascii() and value.isdigit() else None
        form = self.other
        if number == 1:
            form = self.one
        elif number is not None and 3 <= number % 100 <= 10:
            form = self.few
        return form.replace("{value}", value)


class _Texts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One language: a unit for each `UnitOfAccount`, the line under notices that can be switched off, the templates."""

    units: dict[str, _Unit]
    opt_out: _OptOut
    templates: dict[str, _Template]


class _OptOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Under what nobody has to get: where it can be switched off."""

    text: str
    link: str


class _Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    subject: str
    text: str
    link: str = ""
    link_text: str = ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a person reads."""

    subject: str
    """One line, for channels that have subjects."""
    text: str
    opt_out_url: str = ""
    """Where such messages can be switched off; empty for those that cannot, and without a portal."""


class Texts:
    """Read with `read_texts`."""

    def __init__(
        self, texts: Mapping[Language, _Texts], service: str, portal_url: str, unit: UnitOfAccount
    ) -> None:
        self._texts = texts
        self._service = service
        self._portal_url = portal_url.rstrip("/")
        self._unit = unit

    def render(self, message: Message) -> Rendered:
        """Raises KeyError for a template that does not exist, or a parameter that is missing."""
        template = self._texts[message.language].templates[message.template]
        shown = self.shown(message)
        text = _filled(template.text.strip(), shown)
        # An address has a line to itself: so it keeps its direction, and nothing but it becomes the link.
        if template.link and self._portal_url:
            text = f"{text}\n{template.link_text}:\n{self._portal_url}{template.link}"
        opt_out_url = ""
        if self._portal_url and _can_be_switched_off(message.template):
            opt_out = self._texts[message.language].opt_out
            opt_out_url = f"{self._portal_url}{opt_out.link}"
            text = f"{text}\n\n{opt_out.text}:\n{opt_out_url}"
        return Rendered(_filled(template.subject, shown), text, opt_out_url)

    def numbered(self, template: str, language: Language) -> str:
        """The text of a notice as Meta wants it for approval: `{{1}}` stands for its first parameter."""
        numbers = {name: f"{{{{{number}}}}}" for number, name in enumerate(parameters_of(template), 1)}
        return _filled(
            self._texts[language].templates[template].text.strip(), {SERVICE: self._service, **numbers}
        )

    def shown(self, message: Message) -> dict[str, str]:
        """The parameters as they stand in a text: clean, with their unit, and each in its own direction."""
        unit = self._texts[message.language].units[self._unit]
        values = {SERVICE: self._service, **message.parameters}
        if AMOUNT in values:
            values[AMOUNT] = unit.say(values[AMOUNT])
        clean = {
            name: cleaned(value, LONG_VALUES.get(name, VALUE_CHARS_MAX)) for name, value in values.items()
        }
        return {
            name: value if name == ADDRESS else isolated(value, message.language)
            for name, value in clean.items()
        }


def parameters_of(template: str) -> tuple[str, ...]:
    """What messages of a template carry, in the order in which providers with templates of their own get them."""
    if template in NO_NOTICES:
        return NO_NOTICES[template]
    return next(type_.parameters for kind, type_ in NOTICE_TYPES.items() if kind == template)


def _can_be_switched_off(template: str) -> bool:
    return any(kind == template and not type_.is_essential for kind, type_ in NOTICE_TYPES.items())


def cleaned(value: str, chars_max: int = VALUE_CHARS_MAX) -> str:
    r"""The value on one line, without characters that nobody sees: names are what their owners made them.

    >>> cleaned("a\r\nBcc: b\u2069")
    'a Bcc: b'
    """
    line = " ".join(value.split())
    return "".join(char for char in line if char.isprintable())[:chars_max]


def isolated(value: str, language: Language) -> str:
    r"""The value so that it keeps its own direction within a text: amounts and codes are not turned round in Arabic.

    >>> isolated("2.000 KWD", Language.ENGLISH), isolated("2.000 KWD", Language.ARABIC)
    ('2.000 KWD', '\u20662.000 KWD\u2069')
    """
    if language is not Language.ARABIC:
        return value
    begin = _FIRST_STRONG_ISOLATE if _RIGHT_TO_LEFT.search(value) else _LEFT_TO_RIGHT_ISOLATE
    return f"{begin}{value}{_POP_ISOLATE}"


def read_texts(service: str, portal_url: str = "", unit: UnitOfAccount = "credits") -> Texts:
    """The templates that are shipped. Raises TemplateError."""
    folder = files("raseed.adapters.messaging") / "templates"
    texts = {
        language: parse_texts(language, (folder / f"{language}.toml").read_text(encoding="utf-8"))
        for language in Language
    }
    return Texts(texts, service, portal_url, unit)


def parse_texts(language: Language, text: str) -> _Texts:
    """Raises TemplateError."""
    try:
        parsed = tomllib.loads(text)
        apart = {name: parsed.pop(name, {}) for name in ("units", "opt_out")}
        found = msgspec.convert({**apart, "templates": parsed}, _Texts)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise TemplateError(f"{language}: {error}") from error
    problems = [f"{language}: {problem}" for problem in _problems(found.templates)]
    problems += [
        f"{language}: units.{unit} needs one, few and other with {{value}}"
        for unit in get_args(UnitOfAccount)
        if unit not in found.units
        or any("{value}" not in form for form in (found.units[unit].few, found.units[unit].other))
    ]
    if problems:
        raise TemplateError("\n".join(problems))
    return found


def _problems(templates: Mapping[str, _Template]) -> Iterator[str]:
    wanted = {**NO_NOTICES, **{kind.value: type_.parameters for kind, type_ in NOTICE_TYPES.items()}}
    for name in sorted(wanted.keys() - templates.keys()):
        yield f"there is no template {name}"
    for name in sorted(templates.keys() - wanted.keys()):
        yield f"nothing is sent with the template {name}"
    for name in sorted(templates.keys() & wanted.keys()):
        template = templates[name]
        known = {*wanted[name], SERVICE}
        for unknown in sorted({*_named(template.text), *_named(template.subject)} - known):
            yield f"{name} has no parameter {unknown}"
        for unused in sorted(set(wanted[name]) - _named(template.text)):
            yield f"the text of {name} does not say {unused}"
        if name in NO_NOTICES and "code" in _named(template.subject):
            yield f"the subject of {name} must not show the code: locked screens do"
        if ADDRESS in wanted[name] and f"{{{ADDRESS}}}" not in template.text.splitlines():
            yield f"the text of {name} needs a line that is {{{ADDRESS}}} alone"
        if "\n" in template.subject or not template.subject.strip() or not template.text.strip():
            yield f"{name} needs a text, and a subject of one line"
        if any(_BRACE.search(_PARAMETER.sub("", text)) for text in (template.subject, template.text)):
            yield f"{name} has a brace that belongs to no parameter"
        if bool(template.link) != bool(template.link_text):
            yield f"{name} needs both link and link_text, or neither"


def _named(text: str) -> set[str]:
    return set(_PARAMETER.findall(text))


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _PARAMETER.sub(lambda match: values[match[1]], text)
