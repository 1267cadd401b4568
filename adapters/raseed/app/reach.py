"""How a command finds what it works on: this installation, its running stack, or a platform elsewhere."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from raseed.adapters.cli.output import MISUSED, fail
from raseed.app.layout import Home, socket_address
from raseed.app.settings.configuration import Configuration, load_configuration
from raseed.app.settings.reader import ConfigError

if TYPE_CHECKING:
    from raseed.adapters.cli.connection import AdminCalls

# Imports that only some commands need are inside functions: `raseed --help` answers at once.

ELSEWHERE: ContextVar[tuple[str, str]] = ContextVar("elsewhere", default=("", ""))
"""Address of a platform that runs elsewhere, and the file with the admin key for it."""


@asynccontextmanager
async def open_admin() -> AsyncIterator[AdminCalls]:
    """The operators' services: where --server says; else over the socket of the running stack, or on the database
    itself, under its lock.
    """
    from raseed.adapters.cli.connection import LocalAdmin, listener_admin, read_admin_key, socket_admin

    server, key_file = ELSEWHERE.get()
    if bool(server) != bool(key_file):
        fail("--server and --key-file belong together", MISUSED)
    if server:
        try:
            elsewhere = listener_admin(server, read_admin_key(Path(key_file)))
        except (ValueError, OSError) as error:
            fail(str(error), MISUSED)
        async with elsewhere as admin:
            yield admin
        return

    configuration = read_configuration()
    home = Home(configuration.home)
    if is_served(home.admin_socket):
        async with socket_admin(socket_address(home.admin_socket)) as admin:
            yield admin
        return

    from raseed.adapters.policy.loader import PolicyError
    from raseed.adapters.rpc.admin.server import admin_servicers
    from raseed.adapters.sql.ports import DatabaseUnavailable
    from raseed.adapters.sql.schema import SchemaTooNew
    from raseed.adapters.sql.sqlite.files import DatabaseInUse
    from raseed.adapters.telemetry.log import configure_log
    from raseed.app.admin import admin_services
    from raseed.app.bootstrap import open_platform

    configure_log("error")
    try:
        async with open_platform(configuration) as platform:
            yield LocalAdmin(admin_servicers(admin_services(platform, [])).values())
    except (PolicyError, SchemaTooNew, DatabaseInUse, DatabaseUnavailable) as error:
        fail(str(error))


def is_served(path: Path) -> bool:
    """Whether somebody listens on the admin socket: a stack that was killed leaves the file behind."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(socket_address(path).removeprefix("unix:"))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:
            return True  # not for this user, say: the call itself will tell
    return True


def only_here(command: str) -> None:
    if ELSEWHERE.get()[0]:
        fail(f"{command} looks at this machine: leave --server out", MISUSED)


def read_configuration() -> Configuration:
    try:
        return load_configuration(os.environ, Path.cwd())
    except ConfigError as error:
        fail("the configuration is wrong\n" + str(error), MISUSED)
