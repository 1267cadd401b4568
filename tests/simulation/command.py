"""The command that runs simulated worlds of one kind."""

from __future__ import annotations

import argparse

from tests.simulation.campaign import Kind, run
from tests.simulation.stage import SimulationFailed


def main(kind: Kind) -> int:
    parser = argparse.ArgumentParser(prog=f"python -m {kind.module}")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--seeds", type=int, nargs=2, metavar=("FIRST", "END"), default=(0, 300))
    parser.add_argument("--tell", action="store_true", help="print what happens while it happens")
    parser.add_argument("--digests", action="store_true", help="print the digest of each world's database")
    arguments = parser.parse_args()
    first, end = arguments.seeds if arguments.seed is None else (arguments.seed, arguments.seed + 1)
    try:
        campaign = run(range(first, end), tell=arguments.tell, kind=kind)
    except SimulationFailed as failed:
        print(failed)
        return 1
    for history in campaign.histories if arguments.digests else []:
        print(history.seed, history.digest)
    print(campaign)
    return 0
