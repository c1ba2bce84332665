"""Six worlds, from the files as they are to a forecast in their own format: `nowcast fit` and `forecast`.

`python tests/benchmarks/bench_worlds.py [FOLDER] [--minutes 1]` needs `../shared/data`; what it writes stays.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"

WORLDS = {
    "FMI PGM": (["radar/fmi_20170509_pgm", "--zr", "223,1.53", "--coarsen", "4"], "forecast.nc"),
    "KNMI HDF5": (["radar/knmi_20100826_hdf5", "--coarsen", "2"], "forecast.nc"),
    "SEVIRI zarr": (["satellite/seviri_rss_ir016_20200401/sat_data.zarr", "--missing-value", "0"], "forecast.zarr"),
    "Golgi TIFF": (["microscopy/golgi_imagej/xyt_calibrated_16bit__golgi_bfa_sum_projection.tif"], "forecast.ome.tif"),
    "KTH clips": (["kth:video/kth", "--size", "64x64"], "forecast.mp4"),
    "Moving MNIST": (["moving-mnist"], "forecast.gif"),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--only", help="a part of a world's name")
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="worlds-"))
    figures = {}
    print(f"{'world':<14}{'fit':>8}{'forecast':>10}  {'MSE / persistence, first and last lead':<40}output")
    for name, (words, out) in WORLDS.items():
        if asked.only and asked.only.lower() not in name.lower():
            continue
        place = folder / name.replace(" ", "_").lower()
        place.mkdir(parents=True)
        source, *options = words
        known, _, inside = source.rpartition(":")
        path = source if source == "moving-mnist" else f"{known}:{DATA / inside}" if known else str(DATA / inside)
        fitted = nowcast("fit", path, *options, "--run", place / "run", "--max-minutes", asked.minutes)
        made = nowcast("forecast", path, "-o", place / out, "--run", place / "run")
        import xarray as xr

        with xr.open_dataset(place / "run" / "scores.nc") as scores:
            mse = scores["mse"]
            model = next(each for each in mse["forecaster"].values.tolist() if each != "persistence")
            ratio = (mse.sel(forecaster=model) / mse.sel(forecaster="persistence")).values
        size = sum(file.stat().st_size for file in [place / out, *(place / out).rglob("*")] if file.is_file())
        figures[name] = {"fit_s": fitted, "forecast_s": made, "mse_ratio": [float(ratio[0]), float(ratio[-1])]}
        print(
            f"{name:<14}{fitted:>7.0f}s{made:>9.1f}s  {ratio[0]:<8.3f}{ratio[-1]:<32.3f}{place / out} ({size:,} bytes)"
        )
    print(json.dumps({"benchmark": "worlds", "minutes": asked.minutes, **figures}))


def nowcast(*words: object) -> float:
    """Seconds that a command takes; its words are shown if it fails."""
    began = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-m", "nowcast", *map(str, words)], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise SystemExit(f"nowcast {' '.join(map(str, words))}\nended with {ended.returncode}\n{ended.stderr}")
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
