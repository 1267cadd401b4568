"""Organisations as the settings and the profile have them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from raseed.adapters.identity.phones import NumberingPlans
from raseed.adapters.sql.organisations.invitations import SqlInvitationStore
from raseed.adapters.sql.organisations.organisations import SqlMemberStore
from raseed.adapters.sql.ports import SqlDatabase
from raseed.app.settings.configuration import Settings
from raseed.app.sign_in import KINDS
from raseed.core.accounts.acting import ActingResolver
from raseed.core.accounts.identity import read_identifier
from raseed.core.accounts.organisation_service import (
    OrganisationPolicy,
    OrganisationService,
    purge_invitations_job,
)
from raseed.core.accounts.organisations import OrganisationLimits
from raseed.core.accounts.ports import SessionResolver
from raseed.core.accounts.service import AccountService
from raseed.core.admin.organisation_admin import OrganisationAdmin
from raseed.core.billing.policy import Policy
from raseed.core.clock import SECOND, Clock
from raseed.core.jobs import Job
from raseed.core.messaging.express import ExpressQueue


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisations:
    service: OrganisationService
    admin: OrganisationAdmin
    resolver: ActingResolver
    """Of sessions, whomever they act for."""
    purge: Job


def open_organisations(
    settings: Settings,
    policy: Policy,
    database: SqlDatabase,
    sessions: SessionResolver,
    accounts: AccountService,
    express: ExpressQueue,
    clock: Clock,
) -> Organisations:
    members, invitations = SqlMemberStore(database), SqlInvitationStore(database)
    resolver = ActingResolver(sessions, members, clock)
    return Organisations(
        service=OrganisationService(
            members=members,
            invitations=invitations,
            policy=OrganisationPolicy(tiers=policy.organisation_tiers, language=policy.language),
            limits=organisation_limits(settings),
            read_identifier=partial(
                read_identifier,
                kinds=tuple(KINDS[identity] for identity in policy.identity),
                numbers=NumberingPlans(),
                terms=policy.sign_up,
            ),
            post=express.post,
            forget=resolver.forget_account,
            clock=clock,
        ),
        admin=OrganisationAdmin(members, accounts, resolver.forget_account),
        resolver=resolver,
        purge=purge_invitations_job(invitations, clock),
    )


def organisation_limits(settings: Settings) -> OrganisationLimits:
    given = settings.organisations
    return OrganisationLimits(
        invitation_life_us=round(given.invitation_life_s * SECOND),
        invitations_per_day=given.invitations_per_day,
        invitations_to_one_per_day=given.invitations_to_one_per_day,
        messages_per_day=max(1, settings.sign_in.sends_per_day // 2),
        members_max=given.members_max,
        owned_max=given.owned_max,
    )
