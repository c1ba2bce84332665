"""CPU and wall seconds of `nowcast --help` beside a bare `python -c pass`, interleaved; medians and their ratio.

    python tests/benchmarks/bench_startup.py [--rounds 15]

Goal (shared/GOALS.md): 0.10 s of CPU.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "nowcast --help": [sys.executable, "-m", "nowcast", "--help"],
    "python -c pass": [sys.executable, "-c", "pass"],
}


def measure(command: list[str]) -> tuple[float, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for _ in range(rounds + 1):
        for name, command in COMMANDS.items():
            times[name].append(measure(command))
    figures = {}
    for name, pairs in times.items():
        cpu, wall = (statistics.median(values) for values in zip(*pairs[1:], strict=True))
        figures[name] = {"cpu_s": round(cpu, 3), "wall_s": round(wall, 3)}
        print(f"{name:<16} {cpu:6.3f} s CPU {wall:6.3f} s wall")
    figures["ratio_cpu"] = round(figures["nowcast --help"]["cpu_s"] / figures["python -c pass"]["cpu_s"], 1)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
