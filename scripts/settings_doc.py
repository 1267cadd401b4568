"""Writes docs/configuration.md from the settings themselves; `--check` only compares.

Each setting's meaning is the string literal under its field in app/settings/, so that there is one place to edit.
"""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "adapters/raseed/app/settings"
TARGET = ROOT / "docs/configuration.md"
HEAD = """# Configuration

`raseed.toml` in the working directory, or the file that `RASEED_CONFIG` names. `[section] key` is also the environment
variable `RASEED_SECTION_KEY`, which wins; `RASEED_PORT` is short for `RASEED_SERVER_PORT`. `RASEED_HOME` (default
`./.raseed`) is where databases, keys, logs and rendered files lie. `raseed config check` prints each error with its line.

Secrets are refused in the file: they come from their variable, or from the file that the variable with `_FILE` at its end
names (`RASEED_SMTP_PASSWORD_FILE=/run/secrets/smtp`).

Written from `adapters/raseed/app/settings/` by `make gen`.
"""

ARRAYS = (("[[providers]]", "Provider"), ("[[targets]]", "Target"))
"""Tables of which there may be several; they are not in the environment."""


def sections(settings: ast.ClassDef) -> list[tuple[str, str]]:
    """(section, class name) in their order."""
    return [
        (field.target.id, ast.unparse(field.annotation))
        for field in settings.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    ]


def fields(node: ast.ClassDef) -> list[tuple[str, str, str]]:
    """(key, default, meaning). Ends with an error for a field that says nothing of itself."""
    found = []
    for field, after in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if not isinstance(after, ast.Expr) or not isinstance(after.value, ast.Constant):
            raise SystemExit(f"{node.name}.{field.target.id} has no text under it")
        # A call makes a secret, which has no default.
        value = None if isinstance(field.value, ast.Call) else field.value
        default = "" if value is None else toml_of(ast.literal_eval(value))
        found.append((field.target.id, default, " ".join(str(after.value.value).split())))
    return found


def toml_of(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(map(toml_of, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def render() -> str:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in SOURCE.glob("*.py")]
    classes = {node.name: node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}
    parts = [HEAD]
    tables = [(f"[{section}]", name) for section, name in sections(classes["Settings"])]
    for section, name in (*tables, *ARRAYS):
        node = classes[name]
        parts.append(
            f"\n## {section}\n\n{ast.get_docstring(node)}\n\n| key | default | meaning |\n|---|---|---|\n"
        )
        parts += [f"| `{key}` | `{default}` | {meaning} |\n" for key, default, meaning in fields(node)]
    return "".join(parts)


def main() -> int:
    text = render()
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
        sys.stderr.write("docs/configuration.md is not what the settings say; run `make gen`\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
