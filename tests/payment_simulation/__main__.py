"""Runs simulated worlds of payments.

python -m tests.payment_simulation --seed 4711 --tell        one world, with everything that happens in it
python -m tests.payment_simulation --seeds 0 10000           many, until one fails; says which, and how to see it again
"""

from __future__ import annotations

import sys

from tests.payment_simulation.kind import PAYMENTS
from tests.simulation.command import main

if __name__ == "__main__":
    sys.exit(main(PAYMENTS))
