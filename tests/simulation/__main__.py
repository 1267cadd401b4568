"""Runs simulated worlds.

python -m tests.simulation --seed 4711 --tell        one world, with everything that happens in it
python -m tests.simulation --seeds 0 10000           many, until one fails; says which, and how to see it again
"""

from __future__ import annotations

import sys

from tests.simulation.campaign import LEDGER
from tests.simulation.command import main

if __name__ == "__main__":
    sys.exit(main(LEDGER))
