"""Damaged files by the hundred, each read in a child process: how many are refused, read right, or read wrong."""

from __future__ import annotations

import contextlib
import json
import select
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from damaging import damage, kinds_for
from formats import Format

__all__ = ["OUTCOMES", "Case", "Result", "Workers", "cases_of", "fuzz", "table"]

PATIENCE = 20.0
"""Seconds until a case counts as hanging."""

OUTCOMES = ("refused", "right", "warned", "silent", "traceback", "crash", "hang", "memory")
"""`warned`: other values, but said so; `silent`: other values, units, times or coordinates, and not a word."""

WORKER = Path(__file__).with_name("reading_worker.py")


@dataclass(frozen=True)
class Case:
    format: str
    kind: str
    seed: int


@dataclass(frozen=True)
class Result:
    format: str
    kind: str
    seed: int
    outcome: str
    where: str
    told: str
    differs: tuple[str, ...] = ()
    seconds: float = 0.0


class Worker:
    """One child that reads; started anew after a crash or a hang. `under`: the words that it is started by."""

    def __init__(self, scratch: Path, *, program: Path = WORKER, under: Sequence[str] = ()) -> None:
        self.scratch, self.program, self.under = scratch, program, under
        scratch.mkdir(parents=True, exist_ok=True)
        self._child: subprocess.Popen[bytes] | None = None

    def ask(self, path: Path, options: dict[str, Any], *, patience: float = PATIENCE) -> dict[str, Any]:
        child = self._started()
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write((json.dumps({"path": str(path), "options": options}) + "\n").encode())
            child.stdin.flush()
            ready, _, _ = select.select([child.stdout], [], [], patience)
            line = child.stdout.readline() if ready else None
        except BrokenPipeError:
            line = b""
        if line is None:
            self.close()
            return {"outcome": "hang", "told": f"no answer in {patience} s", "parts": {}, "warned": []}
        if not line:
            code = child.wait()
            errors = (self.scratch / "stderr").read_bytes()[-2000:].decode(errors="replace")
            self.close()
            return {"outcome": "crash", "told": f"ended with {code}: {errors}", "parts": {}, "warned": []}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            with (self.scratch / "stderr").open("wb") as errors:
                self._child = subprocess.Popen(
                    [*self.under, sys.executable, "-W", "ignore", str(self.program)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                )
        return self._child

    def close(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()


class Workers:
    """Some of them, and the pristine files that they damage copies of."""

    def __init__(self, folder: Path, formats: Sequence[Format], *, count: int = 2) -> None:
        self._folder = folder
        self._idle: SimpleQueue[Worker] = SimpleQueue()
        self._all = [Worker(folder / f"worker-{number}") for number in range(count)]
        for worker in self._all:
            self._idle.put(worker)
        self.formats = {each.name: each for each in formats}
        self.pristine: dict[str, Path] = {}
        self._parts: dict[str, dict[str, str]] = {}

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._all:
            worker.close()

    @contextlib.contextmanager
    def one(self) -> Iterator[Worker]:
        worker = self._idle.get()
        try:
            yield worker
        finally:
            self._idle.put(worker)

    def prepare(self) -> dict[str, str]:
        """Make the pristine files and read them once; what cannot be made or read here, and why."""
        left_out = {}
        for name, each in self.formats.items():
            folder = self._folder / "pristine" / name.replace(" ", "-").replace("/", "-")
            folder.mkdir(parents=True)
            try:
                path = each.make(folder)
            except LookupError as reason:
                left_out[name] = str(reason)
                continue
            with self.one() as worker:
                answer = worker.ask(path, each.options, patience=120)
            if answer["outcome"] != "read":
                left_out[name] = f"{answer['outcome']}: {answer['told']}"
                continue
            self.pristine[name], self._parts[name] = path, answer["parts"]
        return left_out

    def run(self, case: Case) -> Result:
        source = self.pristine[case.format]
        with self.one() as worker:
            path = worker.scratch / source.name
            _remove(path)
            shutil.copytree(source, path) if source.is_dir() else shutil.copyfile(source, path)
            where = damage(path, case.kind, case.seed)
            began = time.monotonic()
            answer = worker.ask(path, self.formats[case.format].options)
            seconds = time.monotonic() - began
            _remove(path)
        outcome, told = answer["outcome"], answer["told"]
        expected, found = self._parts[case.format], answer["parts"]
        differs = tuple(sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)))
        if outcome == "read":
            warned = answer["warned"]
            outcome = "right" if not differs else "warned" if warned else "silent"
            told = "; ".join(warned)
        else:
            differs = ()
        if outcome == "traceback":
            told += "\n" + answer.get("where", "")
        return Result(case.format, case.kind, case.seed, outcome, where, told, differs, round(seconds, 3))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def cases_of(workers: Workers, count: int, *, seed: int = 0) -> list[Case]:
    """So many cases, evenly over the formats at hand and over each one's kinds of damage."""
    names = list(workers.pristine)
    kinds = {name: kinds_for(workers.pristine[name]) for name in names}
    cases = []
    for number in range(count):
        name = names[number % len(names)]
        # a few cases of each of several stores try all kinds, not the first few of each
        nth = number // len(names) + 5 * (number % len(names))
        cases.append(Case(name, kinds[name][nth % len(kinds[name])], seed + number))
    return cases


def fuzz(workers: Workers, cases: Sequence[Case], *, count: int = 2) -> list[Result]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(workers.run, cases))


def table(results: Sequence[Result], formats: dict[str, Format]) -> str:
    """Counts by format and outcome, as text."""
    width = max(len(name) for name in formats) + 2
    lines = ["".ljust(width) + "".join(name.rjust(10) for name in ("cases", *OUTCOMES))]
    for name, each in sorted(formats.items(), key=lambda pair: (not pair[1].own, pair[0])):
        counts = Counter(result.outcome for result in results if result.format == name)
        if counts:
            row = [sum(counts.values()), *(counts[outcome] for outcome in OUTCOMES)]
            lines.append((name + (" *" if each.own else "")).ljust(width) + "".join(str(n).rjust(10) for n in row))
    counts = Counter(result.outcome for result in results)
    row = [len(results), *(counts[outcome] for outcome in OUTCOMES)]
    lines.append("all".ljust(width) + "".join(str(n).rjust(10) for n in row))
    lines.append("* written by nowcast itself")
    return "\n".join(lines)


def record(results: Sequence[Result], path: Path) -> None:
    path.write_text(json.dumps([asdict(result) for result in results], indent=0))
