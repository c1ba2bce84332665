"""Whether adversarial training gives a forecast the small scales that squared error takes from it, on real radar.

    python tests/benchmarks/bench_spectrum.py [--minutes 6] [--data knmi|melbourne] [--weight 0.01] [--out spectra.png]

The same forecaster is trained twice from the same seed for the same time, by squared error and adversarially, and
forecasts from every time of the test part. Told by lead time: the distance of the mean spectrum to the truth's in dB
(log-spectral distance, 0 is best), and the squared error over persistence's, both of rain in the file's units. The last
line is JSON; the figure shows the spectra.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
import xarray as xr

import nowcast
from nowcast.verification import log_spectral_distance, power_spectrum

RADAR = Path(__file__).parents[3] / "shared" / "data" / "radar"
CUBES = {
    # The largest square in which all of the 92 frames are whole is a little larger.
    "knmi": ("knmi_20100826_hdf5", {"crop": "300:556,242:498"}),
    # Beyond the 128 km of the radar's range all is 0: the square within.
    "melbourne": ("bom_melbourne_20180616_netcdf", {"crop": "128:384,128:384"}),
}


def forecasts(cube: xr.DataArray, place: Path) -> xr.DataArray:
    """From every time of the test part that has its truth in it."""
    parts = json.loads((place / "split.json").read_text())["parts"]
    start, stop = parts["test"]["runs"][0]
    test = cube[start:stop]
    made = nowcast.forecast(test, run=place, every=True, progress=False)
    return made[(made["valid_time"] <= test["time"][-1]).all("lead_time").values]


def draw(spectra: dict[str, xr.DataArray], path: Path, *, title: str) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    leads = spectra["truth"]["lead_time"].values
    shown = sorted({0, len(leads) // 2, len(leads) - 1})
    figure, axes = plt.subplots(1, len(shown), figsize=(4.2 * len(shown), 4), sharey=True, layout="constrained")
    for axis, lead in zip(np.atleast_1d(axes), shown, strict=True):
        for name, spectrum in spectra.items():
            drawn = spectrum.isel(lead_time=lead)
            axis.loglog(drawn["wavelength"], drawn, label=name, color="black" if name == "truth" else None)
        axis.invert_xaxis()
        axis.set_title(f"{leads[lead] / np.timedelta64(1, 'm'):g} min")
        axis.set_xlabel(f"wavelength ({drawn['wavelength'].attrs['units']})")
        axis.grid(alpha=0.3)
    np.atleast_1d(axes)[0].set_ylabel(f"power spectral density ({spectra['truth'].attrs['units']})")
    np.atleast_1d(axes)[0].legend()
    figure.suptitle(title)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=6.0, help="of each training")
    parser.add_argument("--data", choices=CUBES, default="knmi")
    parser.add_argument("--weight", type=float, default=0.01, help="of the discriminator's term")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--patch", type=int, default=64)
    parser.add_argument("--out", type=Path, default=Path("spectra.png"))
    given = parser.parse_args()
    folder, options = CUBES[given.data]
    cube = nowcast.open_cube(RADAR / folder, **options).load()
    trained, spectra = {}, {}
    figures: dict[str, object] = {name: value for name, value in vars(given).items() if name != "out"}
    with tempfile.TemporaryDirectory() as runs:
        for name, weight in (("mse", None), ("adversarial", given.weight)):
            place = Path(runs) / name
            scores = nowcast.fit(
                cube,
                run=place,
                adversarial=weight,
                patch=given.patch,
                context=4,
                horizon=6,
                max_minutes=given.minutes,
                seed=given.seed,
            )
            trained[name] = scores["mse"].values[0] / scores["mse"].values[1]
            last = json.loads((place / "history.jsonl").read_text().splitlines()[-1])
            figures |= {f"{name} steps": last["step"], f"{name} seconds": last["seconds"]}
            made = forecasts(cube, place)
            spectra[name] = power_spectrum(made)
    truth = power_spectrum(cube).sel(time=made["valid_time"])
    pooled = ("forecast_reference_time", "channel")
    means = {"truth": truth.mean(pooled, keep_attrs=True)}
    means |= {name: each.mean(pooled, keep_attrs=True) for name, each in spectra.items()}
    minutes = made["lead_time"].values / np.timedelta64(1, "m")
    print(f"{'lead (min)':<36}" + "".join(f"{lead:>8g}" for lead in minutes))
    for name, ratio in trained.items():
        rows = {
            "distance to truth (dB)": log_spectral_distance(means[name], means["truth"]).values,
            "MSE over persistence's": ratio,
        }
        for row, values in rows.items():
            print(f"{name + ': ' + row:<36}" + "".join(f"{value:>8.3f}" for value in values))
            figures[f"{name} {row}"] = np.round(values, 4).tolist()
    draw(means, given.out, title=f"{given.data}, {given.minutes:g} min of training each")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
