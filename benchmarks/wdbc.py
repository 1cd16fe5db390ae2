"""The published AUBC on UCI WDBC, with alrun's strategies.

    PYTHONPATH=. python benchmarks/wdbc.py [--seeds 100] [--only random,margin,kcenter,qbc]

`tests/strategies/wdbc.py` has the protocol and the published values (Lu, Li and Lin, TMLR 2025).
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from tests.strategies.wdbc import PUBLISHED, play


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--only", default=",".join(PUBLISHED))
    options = parser.parse_args()
    print("strategy    AUBC      sd  published  difference  s a seed")
    for name in options.only.split(","):
        began = time.perf_counter()
        areas = [play(name, seed)[1] for seed in range(options.seeds)]
        mean, took = float(np.mean(areas)), (time.perf_counter() - began) / options.seeds
        gap = mean - PUBLISHED[name]
        print(f"{name:8} {mean:7.4f} {np.std(areas):7.4f} {PUBLISHED[name]:10.4f} {gap:+11.4f} {took:9.2f}", flush=True)


if __name__ == "__main__":
    main()
