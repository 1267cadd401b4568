"""How often each property is tried."""

from hypothesis import HealthCheck, settings

often = settings(max_examples=30, suppress_health_check=list(HealthCheck))
"""Streams for each, new ones in every run: ten seconds for all of them together. Slow machines are no defect."""
