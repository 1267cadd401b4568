"""What every catalogue of local models promises."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.contract.ledger.conftest import SqlStore
from tests.support.model_versions import FACTS, artifacts, named

from raseed.adapters.sql.admin.audit import SqlAuditStore
from raseed.adapters.sql.change_feed import SqlChangeFeed
from raseed.adapters.sql.models.catalogue import SqlModelCatalogue
from raseed.core.admin.audit import AuditFilter
from raseed.core.errors import Conflict, NotFound
from raseed.core.models.model import VersionState

ACTOR = "oper_ada"


@pytest.fixture
def catalogue(store: SqlStore) -> SqlModelCatalogue:
    return SqlModelCatalogue(store.database)


async def approve(catalogue: SqlModelCatalogue, *versions: str) -> None:
    for version in versions:
        await catalogue.add(named(version), artifacts(version), ACTOR)
        await catalogue.checked(named(version), FACTS, ACTOR)
        await catalogue.approved(named(version), 2_000, ACTOR)


async def test_a_version_goes_from_draft_to_approved_and_every_step_is_in_the_audit_log(store, catalogue):
    draft = await catalogue.add(named(), artifacts(), ACTOR)
    assert (draft.state, draft.facts, draft.artifacts) == (VersionState.DRAFT, None, artifacts())
    assert draft.expected_bytes == 0

    refused = await catalogue.refused(named(), "the graph has no logits", ACTOR)
    assert (refused.state, refused.problem) == (VersionState.REFUSED, "the graph has no logits")

    checked = await catalogue.checked(named(), FACTS, ACTOR)
    assert (checked.state, checked.problem, checked.facts) == (VersionState.CHECKED, "", FACTS)
    assert checked.expected_bytes == FACTS.estimated_bytes

    approved = await catalogue.approved(named(), 2_000, ACTOR)
    assert (approved.state, approved.measured_bytes, approved.expected_bytes) == (
        VersionState.APPROVED,
        2_000,
        2_000,
    )
    assert await catalogue.find(named()) == approved
    assert (await catalogue.checked(named(), FACTS, ACTOR)).state is VersionState.APPROVED

    rows = await SqlAuditStore(store.database).find(AuditFilter(subject="tiny@1"), None, 10)
    assert [(entry.row.actor, entry.row.action) for entry in reversed(rows)] == [
        (ACTOR, "model.add"),
        (ACTOR, "model.refuse"),
        (ACTOR, "model.check"),
        (ACTOR, "model.approve"),
    ]


async def test_a_version_never_changes_its_files(store, catalogue):
    first = await catalogue.add(named(), artifacts(), ACTOR)
    assert await catalogue.add(named(), artifacts(), "oper_bob") == first
    with pytest.raises(Conflict):
        await catalogue.add(named(), artifacts("other"), ACTOR)
    with pytest.raises(DBAPIError):
        await store.database.write(
            lambda connection: connection.execute(text("UPDATE model_artifacts SET sha256 = 'x'")).rowcount
        )


async def test_an_unchecked_version_is_not_approved_and_no_alias_stands_for_it(catalogue):
    await catalogue.add(named(), artifacts(), ACTOR)
    with pytest.raises(Conflict):
        await catalogue.approved(named(), 1, ACTOR)
    with pytest.raises(Conflict):
        await catalogue.set_alias("tiny", named(), ACTOR)
    with pytest.raises(NotFound):
        await catalogue.set_alias("tiny", named("9"), ACTOR)
    assert await catalogue.aliases() == []


async def test_an_alias_moves_and_is_rolled_back_and_forth(store, catalogue):
    await approve(catalogue, "1", "2")
    first = await catalogue.set_alias("tiny", named("1"), ACTOR)
    assert (first.target, first.previous) == (named("1"), None)
    with pytest.raises(Conflict):
        await catalogue.roll_back("tiny", ACTOR)

    second = await catalogue.set_alias("tiny", named("2"), ACTOR)
    assert (second.target, second.previous) == (named("2"), named("1"))
    assert await catalogue.set_alias("tiny", named("2"), "oper_bob") == second

    back = await catalogue.roll_back("tiny", ACTOR)
    assert (back.target, back.previous) == (named("1"), named("2"))
    forth = await catalogue.roll_back("tiny", ACTOR)
    assert (forth.target, forth.previous) == (named("2"), named("1"))
    assert await catalogue.aliases() == [forth]

    heard = {(each.kind, each.id) for each in await SqlChangeFeed(store.database).changes_after(0)}
    assert ("model", "tiny") in heard
    rows = await SqlAuditStore(store.database).find(AuditFilter(subject="tiny"), None, 10)
    assert [(entry.row.action, entry.detail) for entry in reversed(rows)] == [
        ("alias.set", "tiny@1"),
        ("alias.set", "tiny@2 instead of tiny@1"),
        ("alias.roll_back", "tiny@1 instead of tiny@2"),
        ("alias.roll_back", "tiny@2 instead of tiny@1"),
    ]


async def test_what_an_alias_stands_for_is_neither_removed_nor_refused(catalogue):
    await approve(catalogue, "1", "2")
    await catalogue.set_alias("tiny", named("1"), ACTOR)
    await catalogue.set_alias("tiny", named("2"), ACTOR)
    for change in (catalogue.remove(named("2"), ACTOR), catalogue.refused(named("2"), "no", ACTOR)):
        with pytest.raises(Conflict):
            await change

    await catalogue.remove(named("1"), ACTOR)
    assert await catalogue.find(named("1")) is None
    assert await catalogue.digests() == {artifact.sha256 for artifact in artifacts("2")}
    with pytest.raises(Conflict):
        await catalogue.roll_back("tiny", ACTOR)  # what was before is gone

    await catalogue.remove_alias("tiny", ACTOR)
    await catalogue.remove(named("2"), ACTOR)
    assert await catalogue.digests() == set()
    for change in (catalogue.remove(named("2"), ACTOR), catalogue.remove_alias("tiny", ACTOR)):
        with pytest.raises(NotFound):
            await change


async def test_versions_are_listed_by_name_in_pages(catalogue):
    names = [named("1", "a"), named("2", "a"), named("1", "b")]
    for name in reversed(names):
        await catalogue.add(name, artifacts(str(name)), ACTOR)
    assert [version.name for version in await catalogue.versions(None, 2)] == names[:2]
    rest = await catalogue.versions(names[1], 2)
    assert [version.name for version in rest] == names[2:]
    assert rest[0].artifacts == artifacts("b@1")


async def test_what_was_measured_is_only_raised(catalogue):
    await approve(catalogue, "1")
    await catalogue.measured(named(), 1_500)
    assert (await catalogue.find(named())).measured_bytes == 2_000
    await catalogue.measured(named(), 2_500)
    assert (await catalogue.find(named())).measured_bytes == 2_500


async def test_pins_and_keep_alive(catalogue):
    await approve(catalogue, "1")
    kept = await catalogue.keep(named(), is_pinned=True, keep_alive_s=-1, actor=ACTOR)
    assert (kept.is_pinned, kept.keep_alive_s) == (True, -1)
    loose = await catalogue.keep(named(), is_pinned=False, keep_alive_s=None, actor=ACTOR)
    assert (loose.is_pinned, loose.keep_alive_s) == (False, None)
