"""Runs simulated worlds.

python -m tests.simulation --seed 4711 --tell        one world, with everything that happens in it
python -m tests.simulation --seeds 0 10000           many, until one fails; says which, and how to see it again
"""

from __future__ import annotations

import argparse
import sys

from tests.simulation.campaign import run
from tests.simulation.world import SimulationFailed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--seeds", type=int, nargs=2, metavar=("FIRST", "END"), default=(0, 300))
    parser.add_argument("--tell", action="store_true", help="print what happens while it happens")
    parser.add_argument("--digests", action="store_true", help="print the ledger's digest of each world")
    arguments = parser.parse_args()
    first, end = arguments.seeds if arguments.seed is None else (arguments.seed, arguments.seed + 1)
    try:
        campaign = run(range(first, end), tell=arguments.tell)
    except SimulationFailed as failed:
        print(failed)
        return 1
    for history in campaign.histories if arguments.digests else []:
        print(history.seed, history.digest)
    print(campaign)
    return 0


if __name__ == "__main__":
    sys.exit(main())
