"""How often each property is tried."""

from hypothesis import settings

often = settings(max_examples=30)
"""Streams for each; a second for all of them together on an idle machine, and new ones in every run."""
