"""Makes the artefact of this version, once for each release: `python tests/artefacts/make.py`.

A tiny run on echoes that are drawn, its files, its newest checkpoint and a forecast. What is there is never made anew:
later versions must read it, or refuse it and name the version.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
KEPT = (
    "model.safetensors",
    "config.yaml",
    "begun.json",
    "split.json",
    "history.jsonl",
    "scores.nc",
    "circumstances.json",
)
WORDS = "--model convlstm --hidden 4,4 --context 3 --horizon 2 --epochs 2 --batch 8 --run run"


def main() -> None:
    import nowcast
    from nowcast.datasets import advected_echoes

    place = HERE / nowcast.__version__
    if place.exists() and any(place.iterdir()):
        raise SystemExit(f"{place}: is there; what was released is not made anew")
    from nowcast.cli.ending import main as command

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        nowcast.write_cube(advected_echoes(frames=40, size=16), "cube.nc")
        for words in (f"fit cube.nc {WORDS}", "forecast cube.nc -o forecast.nc --run run"):
            sys.argv = ["nowcast", *words.split()]
            with contextlib.suppress(SystemExit):
                command()
        (place / "run" / "checkpoints").mkdir(parents=True)
        for name in KEPT:
            shutil.copy(Path("run") / name, place / "run" / name)
        newest = max(Path("run/checkpoints").glob("step-*.ckpt"))
        shutil.copy(newest, place / "run" / "checkpoints" / newest.name)
        for name in ("cube.nc", "forecast.nc"):
            shutil.copy(name, place / name)


if __name__ == "__main__":
    main()
