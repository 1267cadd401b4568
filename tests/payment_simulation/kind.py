"""Payments, for the campaigns that run worlds."""

from __future__ import annotations

from tests.payment_simulation.world import make_empty, simulate
from tests.simulation.campaign import Kind

PAYMENTS = Kind("tests.payment_simulation", make_empty, simulate)
