"""`raseed plans` and `raseed subscriptions`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.output import Output
from raseed.adapters.cli.values import Json, moment_text
from raseed.admin.v1 import subscriptions_pb2 as pb
from raseed.billing.v1 import subscriptions_pb2 as billing_pb
from raseed.core.clock import Microseconds
from raseed.core.money import credits_number, price_text

AccountRef = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Id, e-mail address or telephone number.")]


def add_subscription_commands(plans: typer.Typer, subscriptions: typer.Typer, open_admin: OpenAdmin) -> None:
    @plans.command("list")
    def plans_list(as_json: Json = False) -> None:
        """Show every plan of the profile."""

        async def command(admin: AdminCalls) -> None:
            found = (await admin.call("ListAllPlans", pb.ListAllPlansRequest())).plans
            rows = [_plan_value(plan) for plan in found]
            Output(as_json=as_json).show(rows, lambda: [_plan_line(row) for row in rows])

        run_command(open_admin, command)

    @subscriptions.command("show")
    def subscriptions_show(account: AccountRef, as_json: Json = False) -> None:
        """Show the plan of an account, or its last one, with its periods."""

        async def command(admin: AdminCalls) -> None:
            shown = await admin.call("ShowSubscription", pb.ShowSubscriptionRequest(account=account))
            value = {
                **_value(shown.subscription),
                "account": shown.account_id,
                "end_reason": shown.end_reason,
                "periods": [_period_value(period) for period in shown.periods],
            }
            lines = [_line(value), *map(_period_line, value["periods"])]
            Output(as_json=as_json).show(value, lambda: lines)

        run_command(open_admin, command)

    @subscriptions.command("cancel")
    def subscriptions_cancel(account: AccountRef, as_json: Json = False) -> None:
        """Do not renew the plan of an account when its period is over."""
        _change(open_admin, "CancelSubscription", pb.CancelSubscriptionRequest(account=account), as_json)

    @subscriptions.command("end")
    def subscriptions_end(
        account: AccountRef,
        reason: Annotated[str, typer.Option("--reason", metavar="R", help="For the audit log.")],
        as_json: Json = False,
    ) -> None:
        """End the plan of an account now. Its credit stays until it expires."""
        request = pb.EndSubscriptionRequest(account=account, reason=reason)
        _change(open_admin, "EndSubscription", request, as_json)


def _change(open_admin: OpenAdmin, method: str, request: Any, as_json: bool) -> None:
    async def command(admin: AdminCalls) -> None:
        value = _value((await admin.call(method, request)).subscription)
        Output(as_json=as_json).show(value, lambda: [_line(value)])

    run_command(open_admin, command)


def _plan_value(found: pb.PlanOnSale) -> dict[str, Any]:
    plan = found.plan
    return {
        "id": plan.id,
        "name": plan.name_en,
        "tier": plan.tier,
        "credits": credits_number(plan.credit_microcredits),
        "period": plan.period,
        "price": price_text(plan.price_minor, plan.currency),
        "currency": plan.currency,
        "provider": found.provider,
        "product": found.product_id,
        "trial_days": plan.trial_days,
        "public": found.is_public,
    }


def _plan_line(row: dict[str, Any]) -> str:
    sold = "" if row["public"] else "  not sold"
    return (
        f"{row['id']}  {row['tier']}  {row['credits']} credits a {row['period']} for {row['price']} {row['currency']}"
        f"  {row['provider']}{sold}"
    )


def _value(subscription: billing_pb.PlanSubscription) -> dict[str, Any]:
    def moment(name: str) -> str | None:
        has = subscription.HasField(name)
        return moment_text(Microseconds(getattr(subscription, name))) if has else None

    return {
        "id": subscription.id,
        "plan": subscription.plan,
        "state": subscription.state,
        "period_start": moment("period_start_us"),
        "period_end": moment("period_end_us"),
        "paid_until": moment("paid_until_us"),
        "cancels_at_end": subscription.cancels_at_end,
        "next_plan": subscription.next_plan,
        "renews_by_itself": subscription.renews_by_itself,
    }


def _line(value: dict[str, Any]) -> str:
    end = "ends" if value["cancels_at_end"] else "renews"
    until = f"  {end} {value['paid_until']}" if value["paid_until"] else ""
    return f"{value['id']}  {value['plan']}  {value['state']}{until}"


def _period_value(period: pb.SubscriptionPeriod) -> dict[str, Any]:
    return {
        "payment": period.payment_id,
        "plan": period.plan,
        "role": period.role,
        "begins": moment_text(Microseconds(period.begins_at_us)),
        "ends": moment_text(Microseconds(period.ends_at_us)),
        "trial": period.is_trial,
        "counts": period.counts,
    }


def _period_line(row: dict[str, Any]) -> str:
    note = "" if row["counts"] else "  does not count"
    return f"  {row['begins']} – {row['ends']}  {row['plan']}  {row['payment']}{note}"
