"""`raseed prices` and `raseed tiers`: the commercial profile as it is in force, and a profile before it is."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from raseed.adapters.cli.connection import AdminCalls, OpenAdmin, run_command
from raseed.adapters.cli.output import Output
from raseed.adapters.cli.values import Json, moment_text
from raseed.admin.v1 import catalogue_pb2 as pb
from raseed.core.money import credits_number

_LIMITS = {
    "rpm": "requests_per_minute",
    "rpd": "requests_per_day",
    "tpm": "tokens_per_minute",
    "concurrency": "concurrency",
    "max_output_tokens": "output_tokens_max",
    "keys": "key_count_max",
}


def add_catalogue_commands(app: typer.Typer, prices: typer.Typer, open_admin: OpenAdmin) -> None:
    @prices.command("show")
    def prices_show(
        model: Annotated[str, typer.Option(help="Of this model alone.")] = "", as_json: Json = False
    ) -> None:
        """Show the price lists of the profile, those of later dates too."""

        async def command(admin: AdminCalls) -> None:
            found: list[dict[str, Any]] = []
            token = ""
            while True:
                page = await admin.call("ListPrices", pb.ListPricesRequest(page_token=token))
                found += [_list(each, model) for each in page.price_lists]
                token = page.next_page_token
                if not token:
                    break
            value = {"notice_days": page.notice_days, "price_lists": found}
            Output(as_json=as_json).show(
                value, lambda: [line for each in found for line in _list_lines(each)]
            )

        run_command(open_admin, command)

    @prices.command("check")
    def prices_check(
        profile: Annotated[
            str, typer.Argument(help="A shipped profile's name, or the path of a .toml file.")
        ],
        as_json: Json = False,
    ) -> None:
        """Check a profile before it is put in force: every mistake, and every raise within its notice. Exit 1 names them."""
        # Not at the top: what reads profiles takes longer to load than most commands run.
        from raseed.adapters.policy.loader import PolicyError, load_policy
        from raseed.core.billing.holds import HoldPolicy

        problems: list[str] = []
        versions: list[str] = []
        try:
            versions = [each.version for each in load_policy(profile, HoldPolicy()).prices.lists]
        except PolicyError as error:
            problems = str(error).splitlines()
        value = {"ok": not problems, "versions": versions, "problems": problems}
        Output(as_json=as_json).show(value, lambda: problems or [f"ok: price lists {', '.join(versions)}"])
        if problems:
            raise SystemExit(1)

    @app.command("tiers")
    def tiers(as_json: Json = False) -> None:
        """Show what accounts of each tier may do."""

        async def command(admin: AdminCalls) -> None:
            found = [_tier(tier) for tier in (await admin.call("ListTiers", pb.ListTiersRequest())).tiers]
            Output(as_json=as_json).show(found, lambda: [_tier_line(tier) for tier in found])

        run_command(open_admin, command)


def _list(prices: pb.PriceList, model: str) -> dict[str, Any]:
    return {
        "version": prices.version,
        "effective_at": moment_text(prices.effective_at_us) if prices.effective_at_us else None,
        "in_force": prices.in_force,
        "models": [
            {
                "model": each.model,
                "tier": each.tier,
                "multiplier": each.multiplier_milli / 1000,
                "rates": [
                    {
                        "meter": rate.meter,
                        "credits": credits_number(rate.unit_price_microcredits),
                        "per": rate.per,
                    }
                    for rate in each.rates
                ],
            }
            for each in prices.models
            if model in ("", each.model)
        ],
    }


def _list_lines(prices: dict[str, Any]) -> list[str]:
    begins = f"from {prices['effective_at']}" if prices["effective_at"] else "from the beginning"
    lines = [f"{prices['version']}  {begins}{'  in force' if prices['in_force'] else ''}"]
    for model in prices["models"]:
        rates = ", ".join(
            f"{rate['meter']} {rate['credits']}" + (f" per {rate['per']:,}" if rate["per"] > 1 else "")
            for rate in model["rates"]
        )
        lines.append(f"  {model['model']}  {model['tier']}  {rates or 'free'}")
    return lines


def _tier(tier: pb.TierTerms) -> dict[str, Any]:
    limits = {name: getattr(tier, field) if tier.HasField(field) else None for name, field in _LIMITS.items()}
    return {
        "tier": tier.tier,
        "default": tier.is_default,
        **limits,
        "models": list(tier.models) or None,
        "priority": tier.priority,
    }


def _tier_line(tier: dict[str, Any]) -> str:
    limits = "  ".join(f"{name} {tier[name]:,}" for name in _LIMITS if tier[name] is not None)
    models = "" if tier["models"] is None else f"  {len(tier['models'])} models"
    return f"{tier['tier']}{' (default)' if tier['default'] else ''}  {limits or 'no limits'}{models}"
