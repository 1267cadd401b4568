"""Redemption codes put together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from raseed.adapters.sql.payments.redemption import SqlCodeStore
from raseed.adapters.sql.ports import SqlDatabase
from raseed.adapters.telemetry.log import log
from raseed.adapters.telemetry.metrics import REDEMPTIONS
from raseed.core.accounts.codes import subject_of
from raseed.core.accounts.keys import Peppers
from raseed.core.billing.credit import CreditService
from raseed.core.billing.model import GrantSource
from raseed.core.billing.policy import Policy
from raseed.core.errors import RaseedError
from raseed.core.jobs import Job
from raseed.core.payments.code_admin import CodeAdmin
from raseed.core.payments.redeeming import RedemptionService
from raseed.core.payments.redemption import Redemption


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemptions:
    service: RedemptionService
    admin: CodeAdmin

    def job(self) -> Job:
        return self.service.job(_report)


def open_redemptions(
    database: SqlDatabase, credit: CreditService, policy: Policy, peppers: Peppers, sign_in_peppers: Peppers
) -> Redemptions:
    """`peppers` hash the codes, as they hash API keys; `sign_in_peppers` what wrong ones are counted for."""
    store = SqlCodeStore(database)
    return Redemptions(
        service=RedemptionService(
            store,
            credit,
            peppers,
            partial(subject_of, sign_in_peppers, "codes"),
            policy.priorities[GrantSource.ADJUSTMENT],
            database.clock,
            lambda outcome: REDEMPTIONS.labels(outcome).inc(),
        ),
        admin=CodeAdmin(store, peppers, database.clock),
    )


def _report(redemption: Redemption, error: RaseedError) -> None:
    log.error(
        "redemption not credited",
        code=redemption.code_id,
        account=redemption.account_id,
        reason=error.reason,
    )
