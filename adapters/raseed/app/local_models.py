"""The local models that operators push: their catalogue and files, which need no running stack."""

from __future__ import annotations

import os
from dataclasses import dataclass

from raseed.adapters.models.artifacts import ArtifactFolder, ArtifactLimits
from raseed.adapters.models.checker import ProcessChecker
from raseed.adapters.sql.admin.audit import SqlAuditStore
from raseed.adapters.sql.models.catalogue import SqlModelCatalogue
from raseed.adapters.sql.ports import SqlDatabase
from raseed.app.layout import Home
from raseed.app.settings.configuration import Settings
from raseed.core.models.model import MIB
from raseed.core.models.ports import ModelCatalogue
from raseed.core.models.service import ModelService


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModels:
    catalogue: ModelCatalogue
    artifacts: ArtifactFolder
    service: ModelService


def open_local_models(settings: Settings, home: Home, database: SqlDatabase) -> LocalModels:
    catalogue = SqlModelCatalogue(database)
    artifacts = ArtifactFolder(home.models, ArtifactLimits(total_bytes_max=settings.models.disk_mib * MIB))
    checker = ProcessChecker(artifacts, home.models / "checks")
    audit = SqlAuditStore(database)
    return LocalModels(
        catalogue=catalogue,
        artifacts=artifacts,
        service=ModelService(catalogue, artifacts, checker, audit, memory_budget(settings)),
    )


def memory_budget(settings: Settings) -> int:
    """As configured, else half of the machine."""
    if settings.models.memory_mib:
        return settings.models.memory_mib * MIB
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
