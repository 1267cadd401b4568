"""`raseed models`: push versions of local models, load them, and say which of them customers get."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.model_push import name_in, push
from raseed.adapters.cli.model_source import SourceRefused, model_files
from raseed.adapters.cli.output import FAILED, Output, fail
from raseed.adapters.cli.values import Json, moment_text
from raseed.admin.v1 import admin_pb2
from raseed.models.v1 import models_pb2 as pb

Version = Annotated[str, typer.Argument(metavar="MODEL@VERSION|ALIAS")]
ExactVersion = Annotated[str, typer.Argument(metavar="MODEL@VERSION")]
AliasName = Annotated[str, typer.Argument(metavar="ALIAS", help="The name that customers use.")]
FilesOnly = Annotated[bool, typer.Option("--files-only", help="Look at the files, and do not load it.")]
MIB = 1024 * 1024


def add_model_commands(models: typer.Typer, alias: typer.Typer, open_admin: OpenAdmin) -> None:
    _add_version_commands(models, open_admin)
    _add_memory_commands(models, open_admin)
    _add_alias_commands(alias, open_admin)


def _add_version_commands(models: typer.Typer, open_admin: OpenAdmin) -> None:
    @models.command("push")
    def models_push(
        source: Annotated[Path, typer.Argument(help="Folder, .tar or .zip with the files.", exists=True)],
        version: Annotated[str, typer.Option(help="Of the model; it never changes afterwards.")],
        files_only: FilesOnly = False,
        as_json: Json = False,
    ) -> None:
        """Upload a version, look at its files, and try it out. Goes on where an upload broke off. Exit 1 if it is refused."""

        async def command(admin: AdminCalls) -> None:
            with model_files(source) as files:
                pushed = await push(admin, name_in(files), version, files)
            await _validate(admin, pushed.name, files_only=files_only, as_json=as_json)

        try:
            run_command(open_admin, command)
        except SourceRefused as refused:
            fail(str(refused))

    @models.command("validate")
    def models_validate(version: ExactVersion, files_only: FilesOnly = False, as_json: Json = False) -> None:
        """Look at a version's files and try it out, again. Exit 1 if it is refused."""
        run_command(
            open_admin, lambda admin: _validate(admin, version, files_only=files_only, as_json=as_json)
        )

    @models.command("list")
    def models_list(as_json: Json = False) -> None:
        """List all versions."""

        async def command(admin: AdminCalls) -> None:
            values: list[dict[str, Any]] = []
            token = ""
            while True:
                page = await admin.call("ListVersions", pb.ListVersionsRequest(page_token=token))
                values += map(_version_value, page.versions)
                token = page.next_page_token
                if not token:
                    break
            Output(as_json=as_json).show(
                values, lambda: [_version_line(value) for value in values] or ["no versions"]
            )

        run_command(open_admin, command)

    @models.command("show")
    def models_show(version: Version, as_json: Json = False) -> None:
        """Show a version and its files."""

        async def command(admin: AdminCalls) -> None:
            value = _version_value(
                (await admin.call("GetVersion", pb.GetVersionRequest(version=version))).version
            )
            files = [f"  {file['sha256']}  {file['name']}  {file['bytes']} bytes" for file in value["files"]]
            Output(as_json=as_json).show(value, lambda: [_version_line(value), *files])

        run_command(open_admin, command)

    @models.command("remove")
    def models_remove(version: ExactVersion, as_json: Json = False) -> None:
        """Remove a version that no alias stands for. Its files go with the next `gc`."""

        async def command(admin: AdminCalls) -> None:
            await admin.call("RemoveVersion", pb.RemoveVersionRequest(version=version))
            Output(as_json=as_json).show({"removed": version}, lambda: [f"{version} is removed"])

        run_command(open_admin, command)

    @models.command("gc")
    def models_gc(as_json: Json = False) -> None:
        """Delete files that no version has had for an hour."""

        async def command(admin: AdminCalls) -> None:
            done = await admin.call("CollectArtifacts", pb.CollectArtifactsRequest())
            value = {"files": done.file_count, "bytes": done.freed_bytes}
            Output(as_json=as_json).show(
                value, lambda: [f"{value['files']} files of {value['bytes']} bytes are deleted"]
            )

        run_command(open_admin, command)


def _add_memory_commands(models: typer.Typer, open_admin: OpenAdmin) -> None:
    @models.command("ps")
    def models_ps(as_json: Json = False) -> None:
        """Show each model that is served and whether it answers; then the versions in memory, or wanted there."""

        async def command(admin: AdminCalls) -> None:
            backends = (await admin.call("ListBackends", admin_pb2.ListBackendsRequest())).backends
            residents = (await admin.call("ListResidents", pb.ListResidentsRequest())).residents
            rows = [
                {
                    "model": backend.model,
                    "backend": backend.backend,
                    "ready": backend.ready,
                    "in_flight": backend.in_flight_count,
                }
                for backend in backends
            ]
            versions = list(map(_resident_value, residents))
            Output(as_json=as_json).show(
                [*rows, *versions],
                lambda: [
                    *(
                        f"{row['model']}  {row['backend']}  {'ready' if row['ready'] else 'not ready'}"
                        f"  {row['in_flight']} in flight"
                        for row in rows
                    ),
                    *map(_resident_line, versions),
                ],
            )

        run_command(open_admin, command)

    @models.command("load")
    def models_load(version: Version, as_json: Json = False) -> None:
        """Load a version now. Others that nobody uses give way to it."""

        async def command(admin: AdminCalls) -> None:
            loaded = await admin.call("LoadVersion", pb.LoadVersionRequest(version=version))
            value = _resident_value(loaded.resident)
            Output(as_json=as_json).show(value, lambda: [_resident_line(value)])

        run_command(open_admin, command)

    @models.command("unload")
    def models_unload(version: Version, as_json: Json = False) -> None:
        """Let a version go when its answers have ended. The next request for it loads it again."""

        async def command(admin: AdminCalls) -> None:
            gone = await admin.call("UnloadVersion", pb.UnloadVersionRequest(version=version))
            Output(as_json=as_json).show({"unloaded": gone.version}, lambda: [f"{gone.version} goes"])

        run_command(open_admin, command)

    @models.command("plan")
    def models_plan(version: Version, as_json: Json = False) -> None:
        """Say what a load would need, and what would give way to it."""

        async def command(admin: AdminCalls) -> None:
            plan = await admin.call("PlanLoad", pb.PlanLoadRequest(version=version))
            value = {
                "needed_bytes": plan.needed_bytes,
                "free_bytes": plan.free_bytes,
                "budget_bytes": plan.budget_bytes,
                "evicted": list(plan.evicted),
                "fits": plan.fits,
            }
            Output(as_json=as_json).show(value, lambda: _plan_lines(value))

        run_command(open_admin, command)

    @models.command("pin")
    def models_pin(
        version: Version,
        off: Annotated[bool, typer.Option("--off", help="Not any more.")] = False,
        as_json: Json = False,
    ) -> None:
        """Keep a version in memory, whatever else is wanted."""

        async def command(admin: AdminCalls) -> None:
            found = (await admin.call("GetVersion", pb.GetVersionRequest(version=version))).version
            keep = found.keep_alive_s if found.HasField("keep_alive_s") else None
            request = pb.KeepVersionRequest(version=found.name, pinned=not off, keep_alive_s=keep)
            value = _version_value((await admin.call("KeepVersion", request)).version)
            Output(as_json=as_json).show(value, lambda: [_version_line(value)])

        run_command(open_admin, command)

    @models.command("keep")
    def models_keep(
        version: Version,
        seconds: Annotated[
            int | None,
            typer.Option(help="0: not at all; -1: until its room is needed. Default: as the settings say."),
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Say how long a version stays in memory when nobody uses it."""

        async def command(admin: AdminCalls) -> None:
            found = (await admin.call("GetVersion", pb.GetVersionRequest(version=version))).version
            request = pb.KeepVersionRequest(version=found.name, pinned=found.pinned, keep_alive_s=seconds)
            value = _version_value((await admin.call("KeepVersion", request)).version)
            Output(as_json=as_json).show(value, lambda: [_version_line(value)])

        run_command(open_admin, command)


def _add_alias_commands(alias: typer.Typer, open_admin: OpenAdmin) -> None:
    @alias.command("set")
    def alias_set(alias: AliasName, version: ExactVersion, as_json: Json = False) -> None:
        """From now on this version answers to the alias."""

        async def command(admin: AdminCalls) -> None:
            request = pb.SetAliasRequest(alias=alias, version=version)
            _show_alias((await admin.call("SetAlias", request)).alias, as_json=as_json)

        run_command(open_admin, command)

    @alias.command("rollback")
    def alias_rollback(alias: AliasName, as_json: Json = False) -> None:
        """Back to the version before."""

        async def command(admin: AdminCalls) -> None:
            request = pb.RollBackAliasRequest(alias=alias)
            _show_alias((await admin.call("RollBackAlias", request)).alias, as_json=as_json)

        run_command(open_admin, command)

    @alias.command("list")
    def alias_list(as_json: Json = False) -> None:
        """List the aliases."""

        async def command(admin: AdminCalls) -> None:
            values = list(
                map(_alias_value, (await admin.call("ListAliases", pb.ListAliasesRequest())).aliases)
            )
            Output(as_json=as_json).show(values, lambda: list(map(_alias_line, values)) or ["no aliases"])

        run_command(open_admin, command)

    @alias.command("remove")
    def alias_remove(alias: AliasName, as_json: Json = False) -> None:
        """Customers who name it are told that there is no such model."""

        async def command(admin: AdminCalls) -> None:
            await admin.call("RemoveAlias", pb.RemoveAliasRequest(alias=alias))
            Output(as_json=as_json).show({"removed": alias}, lambda: [f"{alias} is removed"])

        run_command(open_admin, command)


async def _validate(admin: AdminCalls, version: str, *, files_only: bool, as_json: bool) -> None:
    request = pb.ValidateVersionRequest(version=version, files_only=files_only)
    done = await admin.call("ValidateVersion", request)
    value = _version_value(done.version)
    if done.HasField("trial"):
        value["trial"] = {"text": done.trial.text, "first_answer_ms": done.trial.first_answer_ms}
    Output(as_json=as_json).show(value, lambda: [_version_line(value)])
    if value["problem"]:
        fail(f"{value['version']} is refused: {value['problem']}", FAILED)


def _show_alias(alias: pb.Alias, *, as_json: bool) -> None:
    value = _alias_value(alias)
    Output(as_json=as_json).show(value, lambda: [_alias_line(value)])


def _version_value(version: pb.ModelVersion) -> dict[str, Any]:
    return {
        "version": version.name,
        "state": pb.VersionState.Name(version.state).removeprefix("VERSION_STATE_").lower(),
        "problem": version.problem,
        "context_length": version.context_length,
        "vocab_size": version.vocab_size,
        "dtype": version.dtype,
        "estimated_bytes": version.estimated_bytes,
        "measured_bytes": version.measured_bytes if version.HasField("measured_bytes") else None,
        "pinned": version.pinned,
        "keep_alive_s": version.keep_alive_s if version.HasField("keep_alive_s") else None,
        "created_by": version.created_by,
        "created_at": moment_text(version.created_at_us),
        "files": [
            {"name": file.name, "sha256": file.sha256, "bytes": file.size_bytes} for file in version.artifacts
        ],
    }


def _version_line(value: dict[str, Any]) -> str:
    needed = value["measured_bytes"] or value["estimated_bytes"]
    kept = "  pinned" if value["pinned"] else ""
    problem = f"  {value['problem']}" if value["problem"] else ""
    return f"{value['version']}  {value['state']}  {needed // MIB} MiB{kept}{problem}"


def _resident_value(resident: pb.Resident) -> dict[str, Any]:
    def seconds(field: str) -> float | None:
        return getattr(resident, field) / 1000 if resident.HasField(field) else None

    return {
        "model": resident.version,
        "backend": "triton",
        "ready": resident.place == pb.PLACE_READY,
        "place": pb.Place.Name(resident.place).removeprefix("PLACE_").lower(),
        "bytes": resident.memory_bytes,
        "pinned": resident.pinned,
        "in_flight": resident.in_flight_count,
        "waiting": resident.waiting_count,
        "idle_s": seconds("idle_ms"),
        "expires_in_s": seconds("expires_in_ms"),
        "retry_in_s": seconds("retry_in_ms"),
    }


def _resident_line(value: dict[str, Any]) -> str:
    notes = [
        "pinned" if value["pinned"] else "",
        f"{value['waiting']} wait" if value["waiting"] else "",
        f"idle {value['idle_s']:.0f} s" if value["idle_s"] is not None else "",
        f"goes in {value['expires_in_s']:.0f} s" if value["expires_in_s"] is not None else "",
        f"tried again in {value['retry_in_s']:.0f} s" if value["retry_in_s"] is not None else "",
    ]
    line = f"{value['model']}  {value['place']}  {value['bytes'] // MIB} MiB  {value['in_flight']} in flight"
    return "  ".join([line, *filter(None, notes)])


def _plan_lines(value: dict[str, Any]) -> list[str]:
    free = f"{value['needed_bytes'] // MIB} MiB needed, {value['free_bytes'] // MIB} of {value['budget_bytes'] // MIB} MiB free"
    if not value["fits"]:
        return [free, "it does not fit"]
    return [free, *(f"{each} would go" for each in value["evicted"])]


def _alias_value(alias: pb.Alias) -> dict[str, Any]:
    return {
        "alias": alias.name,
        "version": alias.version,
        "previous": alias.previous_version or None,
        "changed_by": alias.changed_by,
        "changed_at": moment_text(alias.changed_at_us),
    }


def _alias_line(value: dict[str, Any]) -> str:
    before = f"  before: {value['previous']}" if value["previous"] else ""
    return f"{value['alias']}  {value['version']}{before}"
