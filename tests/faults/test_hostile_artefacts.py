"""Model files, checkpoints, settings and run folders made to do harm: refused in words, and nothing else is done.

Each goes through the real command in a child process in which every audit event is heard; where strace is, the files
that the system opened for it, what it executed and what it connected to are seen too.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from fuzzing import Worker

from nowcast.model_file import tensor_file

HERE = Path(__file__).parent
RELEASE = HERE.parent / "artefacts" / "0.1.0"
ROOT = HERE.parent.parent
MODEL, CHECKPOINT = "run/model.safetensors", "run/checkpoints/step-00000004.ckpt"
SPARE = 350 * 2**20
STEERING = "\x1b]0;owned\x07<script>alert(1)</script>"

FORECAST = "forecast cube.nc -o out.nc --run run"
FIT = "fit cube.nc --config bad.yaml --run new --epochs 1"
RESUME = "fit cube.nc --resume --run run --epochs 9"
REPORT = "report run"


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.place),)


def _card(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def made(folder: Path) -> None:
        data = (folder / MODEL).read_bytes()
        told = tensor_file.told_by(data)
        assert told is not None
        change(told)
        (folder / MODEL).write_bytes(tensor_file.packed(told, tensor_file.unpacked(data)))

    return made


def _set(**changes: Any) -> Callable[[Path], None]:
    return _card(lambda told: told.update(changes))


def _keyword(**changes: Any) -> Callable[[Path], None]:
    return _card(lambda told: told["keywords"].update(changes))


def _bytes(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes())) and None


def _flip(name: str, share: float) -> Callable[[Path], None]:
    def flipped(data: bytes) -> bytes:
        place = int(share * (len(data) - 1))
        return data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]

    return _bytes(name, flipped)


def _header(name: str, change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def changed(data: bytes) -> bytes:
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        text = json.dumps(change(header) or header).encode()
        return len(text).to_bytes(8, "little") + text + data[8 + length :]

    return _bytes(name, changed)


def _tensor(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda header: header[next(name for name in header if name != "__metadata__")].update(changes)


def _link(name: str) -> Callable[[Path], None]:
    def made(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(folder.parent / "outside" / "secret")

    return made


def _pipe(name: str) -> Callable[[Path], None]:
    def made(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return made


def _directory(name: str) -> Callable[[Path], None]:
    def made(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return made


def _pickled(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(pickle.dumps(Trap(folder / "sprung"))) and None


def _torch_zip(name: str) -> Callable[[Path], None]:
    return lambda folder: torch.save({"state_dict": Trap(folder / "sprung")}, folder / name)


def _text(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None


def both(name: str, words: str) -> dict[str, tuple[Callable[[Path], None], str]]:
    """What both kinds of tensor files may be."""
    what = name.rsplit(".", 1)[1]
    deep = b"[" * 200_000
    made: dict[str, Callable[[Path], None]] = {
        "pickle": _pickled(name),
        "torch zip": _torch_zip(name),
        "header of 2^63 bytes": _bytes(name, lambda data: (2**63).to_bytes(8, "little") + data[8:]),
        "header beyond the end": _bytes(name, lambda data: (len(data) * 2).to_bytes(8, "little") + data[8:]),
        "deep header": _bytes(name, lambda data: len(deep).to_bytes(8, "little") + deep),
        "overlapping offsets": _header(name, _tensor(data_offsets=[0, 64])),
        "offsets beyond the end": _header(name, _tensor(data_offsets=[0, 2**50])),
        "huge shape": _header(name, _tensor(shape=[2**31, 2**31])),
        "overflowing shape": _header(name, _tensor(shape=[2**63, 4])),
        "unknown dtype": _header(name, _tensor(dtype="OBJECT")),
        "link out": _link(name),
        "pipe": _pipe(name),
        "empty": _bytes(name, lambda data: b""),
    }
    made |= {f"cut at {share}": _bytes(name, lambda d, s=share: d[: int(s * len(d))]) for share in (0.001, 0.2, 0.99)}  # type: ignore[misc]
    made |= {f"bit flipped at {share}": _flip(name, share) for share in (0.0, 0.02, 0.1, 0.5, 0.9, 1.0)}
    return {f"{what}: {each}": (change, words) for each, change in made.items()}


MODELS: dict[str, tuple[Callable[[Path], None], str]] = {
    f"card: {name}": (change, FORECAST)
    for name, change in {
        "_target_": _set(_target_="os.system"),
        "_instantiator": _set(_instantiator="lightning.pytorch.cli.instantiate_module"),
        "class path": _set(model="os.system"),
        "name with ../": _set(model="../../outside/secret"),
        "absolute name": _set(model="/etc/passwd"),
        "unknown name": _set(model="gan"),
        "newer format": _set(format=99),
        "format 0": _set(format=0),
        "format in words": _set(format="__import__('os')"),
        "huge format": _set(format=10**300),
        "a class among keywords": _keyword(cls="builtins.eval"),
        "huge network": _keyword(hidden=[10**9]),
        "endless network": _keyword(hidden=[4] * 100_000),
        "huge kernel": _keyword(kernel=10**9 + 1),
        "huge fold": _keyword(patch=10**12),
        "negative network": _keyword(hidden=[-4, 4]),
        "frame by path": _keyword(frame="../frame"),
        "exceedance in words": _keyword(exceedance="all"),
        "huge horizon": _set(horizon=10**12),
        "huge context": _set(context=10**12),
        "huge time step": _set(time_step_seconds=10**400),
        "grid in huge numbers": _card(lambda told: told["grid_step"].update(y=10**400)),
        "steering variable": _set(variable=STEERING),
        "steering version": _set(format=99, versions={"nowcast": STEERING}),
        "reads a pickle": _set(read_as=["trust_pickle"]),
        "gaps in words": _set(gaps="hold"),
        "infinite scaler": _card(lambda told: told["scaler"].update(factor=0)),
    }.items()
} | {"safetensors: directory": (_directory(MODEL), FORECAST)}

CONFIGS: dict[str, tuple[Callable[[Path], None], str]] = {
    f"config: {name}": (_text("bad.yaml", text), FIT)
    for name, text in {
        "python object": "model: !!python/object/apply:os.mkdir [sprung]",
        "python name": "model: {name: !!python/name:os.system }",
        "own tag": "model: !include ../outside/secret",
        "anchors": "model: &a {name: cascade}\ntraining: *a",
        "alias bomb": "a: &a [x,x]\n" + "".join(f"b{n}: &b{n} [*a,*a]\n" for n in range(50)),
        "_target_": "model: {_target_: os.system, command: touch sprung}",
        "class path": "model: {class_path: os.system}",
        "environment": "model: {name: '${env:HOME}'}",
        "resolver": "training: {seed: '${oc.env:HOME}'}",
        "key twice": "model: {name: cascade}\nmodel: {name: convlstm}",
        "merge": "model: {<<: {name: cascade}}",
        "huge integer": "training: {batch: " + "9" * 5000 + "}",
        "huge number": "training: {learning_rate: 1e999}",
        "not a number": "training: {learning_rate: .nan}",
        "NUL": "model: {name: cas\0cade}",
        "too large": "# " + "x" * 200_000,
        "deep": "a: " + "[" * 50_000,
        "deep blocks": "".join(" " * n + "a:\n" for n in range(300)),
        "impossible date": "data: {since: 2026-99-99}",
        "unknown key": "training: {epoch: 3}",
        "unknown room": "hooks: {before: rm -rf .}",
        "steering key": json.dumps({STEERING: 1}),
        "a list": "- 1",
        "a number for a room": "training: 7",
        "keys that are none": "? [1]\n: 2",
    }.items()
}


def _scores_elsewhere(folder: Path) -> None:
    import h5py

    with h5py.File(folder / "run" / "scores.nc", "r+") as file:
        file["elsewhere"] = h5py.ExternalLink(str(folder.parent / "outside" / "secret"), "/a")


def _scores_pickled(folder: Path) -> None:
    _pickled("run/scores.nc")(folder)


FOLDERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "report: scores are a pickle": (_scores_pickled, REPORT),
    "report: scores lead elsewhere": (_scores_elsewhere, REPORT),
    "report: scores are a link": (_link("run/scores.nc"), REPORT),
    "report: history is a pipe": (_pipe("run/history.jsonl"), REPORT),
    "report: split is a link": (_link("run/split.json"), REPORT),
    "report: split in another form": (_text("run/split.json", '{"parts": [1, 2]}'), REPORT),
    "report: model is a pickle": (_pickled(MODEL), REPORT),
    "resume: settings make objects": (_text("run/config.yaml", "model: !!python/name:os.system "), RESUME),
    "resume: settings are a link": (_link("run/config.yaml"), RESUME),
    "resume: begun in depth": (_text("run/begun.json", "[" * 200_000), RESUME),
    "resume: begun twice": (_text("run/begun.json", '{"a": 1, "a": 2}'), RESUME),
    "resume: begun is a list": (_text("run/begun.json", "[]"), RESUME),
    "resume: begun is a pipe": (_pipe("run/begun.json"), RESUME),
}

CASES = both(MODEL, FORECAST) | MODELS | CONFIGS | FOLDERS | both(CHECKPOINT, RESUME)

INSTALLED = [sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), str(ROOT / "nowcast"), str(HERE)]
KNOWN = (*(os.path.realpath(each) for each in INSTALLED), *INSTALLED)
SYSTEM = (
    "/proc/",
    "/sys/",
    "/dev/null",
    "/dev/urandom",
    "/usr/",
    "/lib",
    "/etc/localtime",
    "/etc/ld.so",
    "/etc/gitconfig",
)
HARMLESS = (
    "os.mkdir",
    "os.rmdir",
    "os.remove",
    "os.rename",
    "os.truncate",
    "shutil.rmtree",
    "os.listdir",
    "os.scandir",
)


class Typist(Worker):
    """A child that types commands. `log`: what the system did for it, if it can be traced."""

    def __init__(self, scratch: Path) -> None:
        self.log = scratch / "strace" if can_trace() else None
        traced = [] if self.log is None else ["strace", *TRACED, "-o", str(self.log)]
        super().__init__(scratch, program=HERE / "verbs_worker.py", under=traced)

    def type(self, folder: Path, words: str) -> dict[str, Any]:
        """`calls`: lines of strace from while it was busy with that."""
        before = len(self._lines())
        answer = self.ask(folder, {"words": words.split()}, patience=400)
        return {**answer, "calls": self._lines()[before:]}

    def _lines(self) -> list[str]:
        """Each is written while the process that makes the call is held."""
        return [] if self.log is None or not self.log.exists() else self.log.read_text(errors="replace").splitlines()


TRACED = [
    "-f",
    "--seccomp-bpf",
    "-qq",
    "-y",
    "-e",
    "signal=none",
    "-e",
    "trace=?open,openat,?openat2,connect,execve,?execveat",
]
"""Whatever process it begins; with `-y` it is told which file a name led to."""

OPENED = re.compile(r"\bopen(?:at2?)?\(.*\) = \d+<(?P<place>.*)>$")


def can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run(["strace", *TRACED, "-o", os.devnull, "true"], capture_output=True, check=False)
    return not tried.returncode


@pytest.fixture(scope="module")
def typist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Typist]:
    typist = Typist(tmp_path_factory.mktemp("typist"))
    folder = tmp_path_factory.mktemp("right") / "given"
    shutil.copytree(RELEASE, folder)
    for words, code in ((FORECAST, 0), (REPORT, 0), ("fit cube.nc --resume --run run", 2)):
        answer = typist.type(folder, words)  # what is imported late is imported now, and the artefact is whole
        assert answer.get("code") == code, answer
    yield typist
    typist.close()


def strange(answer: dict[str, Any], folder: Path) -> list[Any]:
    """Events that are no part of looking at what was given, and saying no."""
    found: list[Any] = []
    for event, what in answer["events"]:
        if event in ("open", *HARMLESS):
            if is_foreign(os.path.normpath(folder / what), folder):
                found.append((event, os.path.normpath(folder / what)))
        elif event in ("exec", "compile"):
            if not what.startswith((*KNOWN, "<")):
                found.append((event, what))
        else:
            found.append((event, what))
    found += [module for module in answer["modules"] if not module.startswith(KNOWN)]
    return found + strange_calls(answer["calls"], folder)


def strange_calls(calls: list[str], folder: Path) -> list[str]:
    """System calls that opened a foreign file, executed or connected to anything."""
    opened = {line: OPENED.search(line) for line in calls if "open" in line.partition("(")[0]}
    foreign = [line for line, found in opened.items() if found and is_foreign(found["place"], folder)]
    return foreign + [line for line in calls if line not in opened]


def is_foreign(place: str, folder: Path) -> bool:
    own = (str(folder), os.path.realpath(folder))
    fine = place.startswith((*own, *KNOWN)) or place.startswith(SYSTEM)
    return not fine or place.startswith(str(folder.parent / "outside"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All by `--full`, else every fifth."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", list(CASES)[:: 1 if metafunc.config.getoption("--full") else 5])


def test_it_is_refused_and_nothing_else_is_done(name: str, typist: Typist, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    shutil.copytree(RELEASE, folder)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"root:x:0:0 no byte of this may come in")
    change, words = CASES[name]
    change(folder)
    answer = typist.type(folder, words)
    assert answer.get("code") in (2, 3, 4), answer.get("err") or answer
    assert answer["err"].startswith("error: ") or "\nerror: " in answer["err"], answer["err"]
    assert "Traceback" not in answer["err"] + answer["traceback"]
    assert "--debug" not in answer["err"], answer["err"]
    assert len(answer["err"]) < 5000
    assert "\x1b]" not in answer["err"] + answer["out"]
    assert "root:x" not in answer["err"] + answer["out"]
    assert not list(tmp_path.rglob("sprung"))
    assert not (folder / "out.nc").exists()
    assert not (folder / "run" / "report.html").exists()
    assert strange(answer, folder) == []
    assert answer["grown"] < SPARE, f"grew by {answer['grown'] / 1e6:.0f} MB"


def test_the_watch_can_fail(typist: Typist, tmp_path: Path) -> None:
    """What is opened elsewhere is seen: the same command, with a cube of another folder."""
    folder = tmp_path / "given"
    shutil.copytree(RELEASE, folder)
    shutil.copy(folder / "run" / "config.yaml", tmp_path / "elsewhere.yaml")
    answer = typist.type(folder, "fit absent.nc --config ../elsewhere.yaml --run new")
    elsewhere = str(tmp_path / "elsewhere.yaml")
    assert ("open", elsewhere) in strange(answer, folder)
    if typist.log is None:
        pytest.skip("system calls cannot be traced here: no strace, or it is not allowed")
    assert [line for line in strange_calls(answer["calls"], folder) if line.endswith(f"<{elsewhere}>")]
    for call in ('1 execve("/bin/true", ["true"], 0x7 /* 9 vars */) = 0', "1 connect(3, {sa_family=AF_INET}, 16) = 0"):
        assert strange_calls([call], folder) == [call]


def test_enough_is_tried() -> None:
    print(f"\n{len(CASES)} hostile artefacts")
    assert len(CASES) >= 40
