"""Makes a model of another: the same weights under another name, with a system message of its own.

    python scripts/vary_model.py triton_models/raseed-tiny /tmp/raseed-poet --system "You are a poet."

Prints nothing; the folder it writes is what `raseed models push` takes.
"""

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path

SYSTEM = "{%- set system = first.content if first and first.role in ('system', 'developer') else '' %}"
FILES = ("model.onnx", "tokenizer.json", "chat_template.jinja")


def vary(source: Path, target: Path, system: str) -> None:
    """Writes `target`, whose last part is the new model's name. Raises ValueError for a template of another kind."""
    template = (source / "chat_template.jinja").read_text("utf-8")
    if template.count(SYSTEM) != 1:
        raise ValueError("the template does not choose its system message as expected")
    default = json.dumps(system, ensure_ascii=False)
    target.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(source / name, target / name)
    changed = template.replace(SYSTEM, SYSTEM.replace("else ''", f"else {default}"))
    (target / "chat_template.jinja").write_text(changed, encoding="utf-8")
    manifest = json.loads((source / "model.json").read_text("utf-8"))
    manifest["name"] = target.name
    manifest["sha256"] = {name: hashlib.sha256((target / name).read_bytes()).hexdigest() for name in FILES}
    (target / "model.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--system", required=True)
    given = parser.parse_args()
    try:
        vary(given.source, given.target, given.system)
    except (OSError, ValueError) as error:
        sys.exit(f"vary_model: {error}")


if __name__ == "__main__":
    main()
