"""An error tells where, what was found, what was needed and what to do; and each kind has its exit code."""

from __future__ import annotations

import pickle

import pytest

from nowcast.errors import InputError, MachineError, NowcastError, UnsafeError, printable


def test_the_text_has_a_line_for_each_thing_that_is_known_in_one_column() -> None:
    error = InputError("radar.nc: no such variable", found="rain", needed="one of dbz", next_step="--variable dbz")
    assert str(error) == ("radar.nc: no such variable\n  found:  rain\n  needed: one of dbz\n  next:   --variable dbz")


def test_what_is_not_known_has_no_line() -> None:
    assert str(InputError("radar.nc: empty")) == "radar.nc: empty"
    assert str(MachineError("disk full", next_step="make room")) == "disk full\n  next:   make room"


@pytest.mark.parametrize(("kind", "code"), [(InputError, 2), (MachineError, 3), (UnsafeError, 4)])
def test_each_kind_ends_with_its_own_code_and_is_caught_as_one(kind: type[NowcastError], code: int) -> None:
    with pytest.raises(NowcastError) as caught:
        raise kind("what", found="this")
    assert caught.value.exit_code == code
    assert (caught.value.what, caught.value.found, caught.value.needed) == ("what", "this", None)


def test_an_error_survives_the_way_between_processes() -> None:
    """dask and loaders hand errors over pickled."""
    error = InputError("radar.nc: damaged", found="half a file", next_step="fetch it again")
    back = pickle.loads(pickle.dumps(error))
    assert str(back) == str(error)
    assert back.exit_code == 2


def test_what_a_file_says_cannot_steer_the_terminal() -> None:
    error = InputError("a\x1b]0;title\x07.nc: no variable", found="\x9b31m\u202egnp\ud800", next_step="--variable a\r")
    assert str(error) == (
        "a\\x1b]0;title\\x07.nc: no variable\n  found:  \\x9b31m\\u202egnp\\ud800\n  next:   --variable a\\r"
    )
    assert printable("Nörd, 雨\tmm h⁻¹\n") == "Nörd, 雨\tmm h⁻¹\n"
