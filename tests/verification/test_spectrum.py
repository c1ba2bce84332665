"""Spectra of fields whose spectrum is known, and the distance between two."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.verification import log_spectral_distance, power_spectrum

Maker = Callable[..., xr.DataArray]


def literal(frame: np.ndarray) -> np.ndarray:
    """Of a square frame, without a window: the mean of |F|^2 / N over the components of each rounded radius."""
    side = len(frame)
    power = np.abs(np.fft.fft2(frame)) ** 2 / frame.size
    index = np.fft.fftfreq(side, 1 / side)
    radius = np.round(np.hypot(index[:, None], index[None, :]))
    return np.array([power[radius == ring].mean() for ring in range(1, side // 2 + 1)])


def noise(shape: tuple[int, ...], *, slope: float = 0.0, seed: int = 0) -> np.ndarray:
    """Gaussian noise of variance 1 by pixel whose power falls as wavenumber to the `slope`."""
    field = np.random.default_rng(seed).normal(size=shape)
    down, along = np.fft.fftfreq(shape[-2]), np.fft.fftfreq(shape[-1])
    radius = np.hypot(down[:, None], along)
    radius[0, 0] = 1.0
    return np.fft.ifft2(np.fft.fft2(field) * radius ** (-slope / 2)).real


@pytest.mark.parametrize("side", [32, 33])
def test_without_a_window_it_is_the_mean_of_each_ring_as_pysteps_takes_it(cube_maker: Maker, side: int) -> None:
    cube = cube_maker((2, 1, side, side), values=noise((2, 1, side, side))).drop_vars(["y", "x"])
    found = power_spectrum(cube, window=False)
    assert found.dims == ("time", "channel", "wavenumber")
    for frame in range(2):
        np.testing.assert_allclose(found[frame, 0], literal(cube.values[frame, 0]), rtol=1e-10)
    np.testing.assert_allclose(found["wavenumber"], np.arange(1, side // 2 + 1) / side)
    assert found["wavenumber"].attrs["units"] == "pixel-1"


@pytest.mark.parametrize("window", [True, False])
@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (48, 80), (33, 64)])
def test_white_noise_lies_flat_at_its_variance_times_the_area_of_a_pixel(
    cube_maker: Maker, rows: int, columns: int, window: bool
) -> None:
    cube = cube_maker((40, 1, rows, columns), values=2 * noise((40, 1, rows, columns)))
    found = power_spectrum(cube, window=window).mean(("time", "channel"))
    level = 4 * 1000.0**2
    # The lowest rings have few components; under a window the mean that is taken off lies in them too.
    assert found[4:].values == pytest.approx(level, rel=0.15)
    assert float(found[4:].mean()) == pytest.approx(level, rel=0.03)


@pytest.mark.parametrize("slope", [1.0, 2.0, 3.0])
def test_a_power_law_has_its_slope(cube_maker: Maker, slope: float) -> None:
    values = noise((20, 1, 96, 96), slope=slope)
    found = power_spectrum(cube_maker(values.shape, values=values)).mean(("time", "channel"))[4:]
    fitted = np.polyfit(np.log(found["wavenumber"]), np.log(found), 1)[0]
    assert fitted == pytest.approx(-slope, abs=0.1)


def test_a_window_keeps_a_trend_out_of_the_short_waves(cube_maker: Maker) -> None:
    """A ramp jumps at the border, which without a window stands in all rings."""
    ramp = np.broadcast_to(np.arange(64.0), (1, 1, 64, 64))
    cube = cube_maker(ramp.shape, values=ramp)
    with_window, without = (power_spectrum(cube, window=window)[0, 0, 20:] for window in (True, False))
    assert (with_window < 1e-3 * without).all()


@pytest.mark.parametrize("wavelength", [4.0, 8.0, 16.0])
def test_a_wave_stands_at_its_physical_length_whichever_way_it_runs(cube_maker: Maker, wavelength: float) -> None:
    cube = cube_maker((2, 1, 64, 64))
    x = np.arange(64)
    wave = np.broadcast_to(np.cos(2 * np.pi * x / wavelength), (64, 64))
    cube = cube.copy(data=np.stack([wave, wave.T])[:, None])
    found = power_spectrum(cube)
    assert found["wavelength"].attrs["units"] == "m"
    assert found["wavenumber"].attrs["units"] == "m-1"
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6, atol=1.0)
    assert float(found["wavelength"][int(found.values[0, 0].argmax())]) == pytest.approx(1000 * wavelength)


def test_pixels_that_are_no_squares_have_rings_of_length_all_the_same(cube_maker: Maker) -> None:
    cube = cube_maker((2, 1, 32, 64))
    cube = cube.assign_coords(y=("y", 2000.0 * np.arange(32)[::-1], cube["y"].attrs))
    wave = np.cos(2 * np.pi * np.arange(64) / 16)
    values = np.stack([np.broadcast_to(wave, (32, 64)), np.broadcast_to(wave[::2, None], (32, 64))])[:, None]
    found = power_spectrum(cube.copy(data=values))
    peaks = found["wavelength"].values[found[:, 0].argmax("wavenumber")]
    np.testing.assert_allclose(peaks, [16000, 16000])
    assert found["wavelength"].values[-1] == pytest.approx(4000), "twice the coarser side"
    assert np.isfinite(found).all(), "no ring is empty"


def test_units_and_coordinates_are_told_and_kept(cube_maker: Maker) -> None:
    cube = cube_maker((3, 1, 16, 16))
    before = cube.copy(deep=True)
    found = power_spectrum(cube)
    xr.testing.assert_identical(cube, before)
    assert found.attrs["units"] == "(mm h-1)2 m2"
    xr.testing.assert_identical(found["time"], cube["time"])
    assert {"y", "x"}.isdisjoint(found.coords)
    degrees = cube.assign_coords(
        y=("y", np.linspace(50, 51, 16), {"units": "degrees_north"}),
        x=("x", np.linspace(3, 4, 16), {"units": "degrees_east"}),
    )
    assert power_spectrum(degrees)["wavelength"].attrs["units"] == "pixel"


def test_frames_with_a_missing_pixel_are_left_out(cube_maker: Maker) -> None:
    values = noise((4, 1, 16, 16))
    whole = power_spectrum(cube_maker(values.shape, values=values))
    values[2, 0, 3, 3] = np.nan
    found = power_spectrum(cube_maker(values.shape, values=values))
    assert np.isnan(found[2]).all()
    np.testing.assert_array_equal(found[[0, 1, 3]], whole[[0, 1, 3]])
    with pytest.raises(InputError, match="missing pixels") as caught:
        power_spectrum(cube_maker((1, 1, 16, 16), values=values[2:3]))
    assert "crop" in str(caught.value)


def test_a_lazy_cube_and_a_forecast_cube_have_theirs(cube_maker: Maker) -> None:
    cube = cube_maker((4, 1, 16, 16), values=noise((4, 1, 16, 16)))
    found = power_spectrum(cube)
    xr.testing.assert_allclose(power_spectrum(cube.chunk({"time": 2, "y": 8})), found)
    forecast = cube.drop_vars("time").expand_dims("forecast_reference_time").rename(time="lead_time")
    spectra = power_spectrum(forecast)
    assert spectra.dims == ("forecast_reference_time", "lead_time", "channel", "wavenumber")
    np.testing.assert_allclose(spectra[0], found)


@pytest.mark.parametrize("sizes", [{"x": 4}, {"y": 7}])
def test_too_small_a_frame_and_no_frame_are_refused(cube_maker: Maker, sizes: dict[str, int]) -> None:
    cube = cube_maker((1, 1, 16, 16))
    with pytest.raises(InputError, match="too small for a spectrum"):
        power_spectrum(cube.isel({dim: slice(size) for dim, size in sizes.items()}))
    with pytest.raises(InputError, match="dims y and x"):
        power_spectrum(cube.isel(x=0))


def test_the_distance_is_zero_to_itself_and_in_decibels() -> None:
    spectrum = xr.DataArray(
        [[4.0, 2.0, 1.0], [4.0, 2.0, 1.0]],
        dims=("lead_time", "wavenumber"),
        coords={"wavenumber": [0.1, 0.2, 0.3]},
    )
    assert log_spectral_distance(spectrum, spectrum).values.tolist() == [0, 0]
    factors = xr.DataArray([10.0, 0.1, 1.0], dims="wavenumber")
    found = log_spectral_distance(spectrum * factors, spectrum)
    assert found.dims == ("lead_time",)
    assert found.values == pytest.approx([np.sqrt(200 / 3)] * 2)
    assert found.attrs["units"] == "dB"
    assert np.isinf(log_spectral_distance(0 * spectrum, spectrum)).all()
    with pytest.raises(InputError, match="other wavenumbers"):
        log_spectral_distance(spectrum, spectrum.assign_coords(wavenumber=[0.1, 0.2, 0.4]))


def test_a_blurred_field_is_far_from_the_truth_and_a_moved_one_is_not(cube_maker: Maker) -> None:
    from scipy.ndimage import gaussian_filter

    values = noise((6, 1, 64, 64), slope=2.0)
    truth = power_spectrum(cube_maker(values.shape, values=values)).mean("time")
    other = {"moved": np.roll(values, 9, axis=-1), "blurred": gaussian_filter(values, (0, 0, 2, 2))}
    distance = {
        name: float(log_spectral_distance(power_spectrum(cube_maker(each.shape, values=each)).mean("time"), truth)[0])
        for name, each in other.items()
    }
    assert distance["moved"] < 1
    assert distance["blurred"] > 10
