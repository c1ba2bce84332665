"""The configurations that come with nowcast: those of `configs`, found by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from nowcast.config import shipped, text_of
from nowcast.errors import InputError

FOLDER = Path(__file__).parents[2] / "configs"


def test_there_is_one_for_each_world_and_all_are_listed() -> None:
    assert list(shipped()) == sorted(path.stem for path in FOLDER.glob("*.yaml"))
    assert {"radar", "satellite", "microscopy", "video"} <= set(shipped())


@pytest.mark.parametrize("name", shipped())
def test_each_is_as_it_lies_there_and_says_what_it_is_for(name: str) -> None:
    text = text_of(name)
    assert text == (FOLDER / f"{name}.yaml").read_text()
    first, second = text.splitlines()[:2]
    assert first == f"# {shipped()[name]}" or first == f"# {shipped()[name]}:"
    assert second.startswith("#   nowcast fit "), "how it is used comes next"


@pytest.mark.parametrize("name", ["rader", "../radar", "protocols/kth_two_clips", ""])
def test_another_name_is_refused_with_the_nearest(name: str) -> None:
    with pytest.raises(InputError, match="no configuration is called") as caught:
        text_of(name)
    assert "radar" in str(caught.value.needed)
    assert (caught.value.found == "did you mean radar?") == ("rad" in name)
