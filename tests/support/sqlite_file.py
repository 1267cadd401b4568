"""An empty SQLite database of today's schema, copied where it is needed: migrations take ten times as long."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from raseed.adapters.sql.schema import migrate
from raseed.adapters.sql.sqlite.dialect import borrowed
from raseed.adapters.sql.sqlite.files import connect_writer


def migrated(path: Path) -> Path:
    """`path`, with a database in it if there was none."""
    if not path.exists():
        shutil.copyfile(_template(), path)
    return path


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="raseed-sqlite-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    raw = connect_writer(folder / "raseed.db")
    view = borrowed(raw)
    view.begin()
    raw.execute("BEGIN IMMEDIATE")
    migrate(view)
    raw.execute("COMMIT")
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    view.close()
    view.engine.dispose()
    raw.close()
    return folder / "raseed.db"
