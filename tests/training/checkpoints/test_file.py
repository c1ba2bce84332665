"""One file for all that a training is: the same tree comes back to the bit, and nothing else is ever accepted."""

from __future__ import annotations

import json
import math
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save as to_bytes

from nowcast.errors import InputError, NowcastError
from nowcast.training.checkpoints import file as checkpoint_file
from nowcast.training.checkpoints.file import DamagedError, read, versions, write

STATE: dict[str, Any] = {
    "weights": {"a": torch.arange(6.0).reshape(2, 3), "b.c": torch.tensor(3.5), "none": torch.empty(0, 4)},
    "optimiser": [{"state": {0: {"step": torch.tensor(7)}, 1: {}}, "betas": (0.9, 0.999), "fused": None, "lr": 1e-3}],
    "random": {"torch": torch.get_rng_state(), "bits": torch.tensor([True, False]), "half": torch.ones(3).bfloat16()},
    "loops": {"ready": 2**70, "last": True, "name": "ünïcode\x00", "worst": math.inf, "none": -math.inf},
}


def same(one: Any, other: Any) -> bool:
    """To the bit, and in kind."""
    if isinstance(one, torch.Tensor):
        return (
            isinstance(other, torch.Tensor)
            and one.dtype == other.dtype
            and one.shape == other.shape
            and one.reshape(-1).view(torch.uint8).equal(other.reshape(-1).view(torch.uint8))
        )
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other or (one != one and other != other))


def stored(path: Path) -> dict[str, Any]:
    state = read(path)
    assert state.pop("versions") == versions()
    return state


def test_what_was_written_is_read_to_the_bit(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    write(path, STATE)
    assert same(stored(path), STATE)
    assert [each.name for each in tmp_path.iterdir()] == ["a.ckpt"], "nothing is left beside it"


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
NAMES = st.text(max_size=5) | st.integers()
TREES = st.recursive(
    LEAVES | st.lists(st.floats(width=32), max_size=4).map(torch.tensor),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(NAMES, inner, max_size=3)
        | st.dictionaries(st.sampled_from(["tensor", "tuple", "dict", "float"]), inner, max_size=1)
    ),
    max_leaves=12,
)


@settings(max_examples=40)
@given(tree=TREES)
def test_any_tree_comes_back(tree: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.ckpt"
    write(path, {"tree": tree})
    assert same(stored(path), {"tree": tree})


def test_tensors_that_share_memory_come_back_apart(tmp_path: Path) -> None:
    whole = torch.arange(10.0)
    views = {"one": whole[:5], "other": whole[:5], "every_second": whole[::2], "t": whole.view(2, 5).T}
    write(tmp_path / "a.ckpt", views)
    state = stored(tmp_path / "a.ckpt")
    assert torch.equal(state["every_second"], whole[::2])
    assert torch.equal(state["t"], whole.view(2, 5).T)
    state["one"] += 1
    assert torch.equal(state["other"], whole[:5])


@pytest.mark.parametrize("value", [{1, 2}, object(), b"bytes", print, {1.5: 0}, {None: 0}, complex(1, 2)])
def test_only_plain_values_are_written(value: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="a checkpoint"):
        write(tmp_path / "a.ckpt", {"value": value})
    assert list(tmp_path.iterdir()) == []


def test_a_header_whose_length_begins_like_a_pickle_is_none(tmp_path: Path) -> None:
    lengths = set()
    for more in range(0, 256, 4):
        write(tmp_path / "a.ckpt", {"text": "x" * more})
        lengths.add((tmp_path / "a.ckpt").read_bytes()[0])
        assert stored(tmp_path / "a.ckpt") == {"text": "x" * more}
    assert 0x80 in lengths


# Damage


def test_a_changed_bit_anywhere_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    write(path, STATE)
    whole = path.read_bytes()
    random = Random(0)
    for place in [*range(24), *random.sample(range(len(whole)), 300), *range(len(whole) - 24, len(whole))]:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << random.randrange(8))]) + whole[place + 1 :])
        try:
            state = stored(path)
        except InputError as error:
            assert str(path) in str(error)  # noqa: PT017
        else:  # padding of the header, or a letter of it that says the same
            assert same(state, STATE), place


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.999])
def test_a_cut_file_is_refused(share: float, tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    write(path, STATE)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DamagedError, match="damaged"):
        read(path)
    path.write_bytes(whole + b"more")
    with pytest.raises(DamagedError, match="damaged"):
        read(path)


# What is not understood, though its checksum is right


def forged(path: Path, change: Callable[[dict[str, Any]], object], **tensors: torch.Tensor) -> Path:
    """A file whose description was changed by somebody who knows how to seal it."""
    named = {"0": torch.ones(2), **tensors}
    told = {"kind": "checkpoint", "format": 1, "versions": versions(), "state": {"dict": [["a", {"tensor": 0}]]}}
    change(told)
    text = json.dumps(told)
    path.write_bytes(to_bytes(named, metadata={"nowcast": text, "sha256": checkpoint_file._checksum(text, named)}))
    return path


def test_the_forger_can_forge(tmp_path: Path) -> None:
    assert torch.equal(read(forged(tmp_path / "a.ckpt", lambda told: None))["a"], torch.ones(2))


def deep(levels: int) -> Any:
    tree: Any = 0
    for _ in range(levels):
        tree = [tree]
    return tree


@pytest.mark.parametrize(
    "state",
    [
        {"tensor": 0},
        [{"tensor": 0}],
        {"dict": [["a", {"tensor": 1}]]},
        {"dict": [["a", {"tensor": 0}], ["b", {"tensor": 0}]]},
        {"dict": [["a", {"tensor": 0}], ["a", 1]]},
        {"dict": [["a", {"tensor": True}]]},
        {"dict": [["a", {"tensor": "0"}]]},
        {"dict": [["a", 1]]},
        {"dict": [["a", {"tensor": 0}], [["x"], 1]]},
        {"dict": [["a", {"tensor": 0}], [None, 1]]},
        {"dict": [["a", {"tensor": 0}], ["b"]]},
        {"dict": [["a", {"tensor": 0}], ["b", {"object": "os.system"}]]},
        {"dict": [["a", {"tensor": 0}], ["b", {"_target_": "os.system", "command": "true"}]]},
        {"dict": [["a", {"tensor": 0}], ["b", {"tuple": 3}]]},
        {"dict": [["a", {"tensor": 0}], ["b", {"float": "1e9"}]]},
        {"dict": [["a", {"tensor": 0}], ["b", {}]]},
        {"dict": "abc"},
        {"a": {"tensor": 0}},
        None,
    ],
)  # fmt: skip
def test_a_description_that_is_not_understood_is_refused(state: Any, tmp_path: Path) -> None:
    with pytest.raises(DamagedError):
        read(forged(tmp_path / "a.ckpt", lambda told: told.update(state=state)))


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.update(state={"dict": [["a", {"tensor": 0}], ["b", deep(100_000)]]}),
        lambda told: told.update(kind="model"),
        lambda told: told.pop("kind"),
        lambda told: told.update(format="1"),
        lambda told: told.update(format=True),
        lambda told: told.update(more=1),
        lambda told: told.update(versions={"nowcast": "1"}),
        lambda told: told.update(versions={**versions(), "torch": "\x1b[2J"}),
        lambda told: told.update(versions=[]),
    ],
)
def test_a_file_that_tells_other_things_of_itself_is_refused(change: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    try:
        forged(path, change)
    except RecursionError:
        text = '{"kind": "checkpoint", "format": 1, "versions": {}, "state": ' + "[" * 100_000 + "]" * 100_000 + "}"
        tensors = {"0": torch.ones(2)}
        told = {"nowcast": text, "sha256": checkpoint_file._checksum(text, tensors)}
        path.write_bytes(to_bytes(tensors, metadata=told))
    with pytest.raises(DamagedError):
        read(path)


def test_one_of_a_newer_nowcast_is_refused_by_its_version(tmp_path: Path) -> None:
    def newer(told: dict[str, Any]) -> None:
        told.update(format=2, versions={**versions(), "nowcast": "9.1"})

    with pytest.raises(InputError, match=r"a newer nowcast \(9\.1\)") as caught:
        read(forged(tmp_path / "a.ckpt", newer))
    assert not isinstance(caught.value, DamagedError)


def test_a_tensor_that_nobody_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="does not name"):
        read(forged(tmp_path / "a.ckpt", lambda told: None, **{"1": torch.ones(1)}))


@pytest.mark.parametrize("shape", [[2**40], [-1], [2, 2**62, 2**62], [1.5], "2"])
def test_lying_sizes_are_refused(shape: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    write(path, {"a": torch.ones(2)})
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header["0"]["shape"] = shape
    changed = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(changed)) + changed + data[8 + length :])
    with pytest.raises(DamagedError):
        read(path)


@pytest.mark.parametrize("length", [0, 1, 2**31, 2**63, 2**64 - 1])
def test_a_lying_header_is_refused(length: int, tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    path.write_bytes(struct.pack("<Q", length) + b'{"__metadata__": {}}')
    with pytest.raises(DamagedError):
        read(path)


class Harmful:
    """Unpickling it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def pickled(path: Path, harm: Path) -> None:
    path.write_bytes(pickle.dumps(Harmful(harm)))


def by_torch(path: Path, harm: Path) -> None:
    torch.save({"state_dict": Harmful(harm)}, path)


def by_old_torch(path: Path, harm: Path) -> None:
    torch.save({"state_dict": Harmful(harm)}, path, _use_new_zipfile_serialization=False)


def zipped(path: Path, harm: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(Harmful(harm)))


@pytest.mark.parametrize("kind", [pickled, by_torch, by_old_torch, zipped])
def test_pickle_is_named_and_never_opened(kind: Callable[[Path, Path], None], tmp_path: Path) -> None:
    kind(tmp_path / "a.ckpt", tmp_path / "harm")
    with pytest.raises(InputError, match=r"torch\.save") as caught:
        read(tmp_path / "a.ckpt")
    assert "pickle, which can run any program" in str(caught.value)
    assert not (tmp_path / "harm").exists()


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.ckpt"):
        with pytest.raises(NowcastError, match="cannot be read"):
            read(path)
