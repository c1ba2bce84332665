"""No damaged file ends in a traceback, a crash or a hang; what nowcast wrote itself is never read wrong in silence.

`pytest tests/faults/test_fuzz.py --full -s` tries 12,000 and prints the table; both write every case to `results.json`
in pytest's temporary folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from damaging import FILE_KINDS, STORE_KINDS, damage
from formats import FORMATS, Format
from fuzzing import Case, Result, Workers, cases_of, fuzz, record, table

SAMPLE, ALL = 360, 12_000
HARMFUL = ("traceback", "crash", "hang", "memory")


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with Workers(tmp_path_factory.mktemp("fuzz"), FORMATS) as workers:
        yield workers


@pytest.fixture(scope="module")
def left_out(workers: Workers) -> dict[str, str]:
    return workers.prepare()


@pytest.fixture(scope="module")
def results(
    workers: Workers, left_out: dict[str, str], full: bool, tmp_path_factory: pytest.TempPathFactory
) -> list[Result]:
    found = fuzz(workers, cases_of(workers, ALL if full else SAMPLE))
    place = tmp_path_factory.mktemp("results") / "results.json"
    record(found, place)
    print(f"\n{table(found, workers.formats)}\nleft out: {left_out or 'none'}\nevery case: {place}")
    return found


def _told(found: list[Result]) -> str:
    return "\n".join(
        f"{each.format}, {each.kind}, seed {each.seed}: {each.where}: {each.differs} {each.told}" for each in found[:5]
    )


def test_whole_files_are_read(left_out: dict[str, str], shared_data: Path) -> None:
    assert not left_out


def test_nothing_ends_in_a_traceback_a_crash_or_a_hang(results: list[Result]) -> None:
    harmful = [each for each in results if each.outcome in HARMFUL]
    assert not harmful, _told(harmful)


def test_damage_of_our_own_files_is_never_silent(results: list[Result]) -> None:
    own = {each.name for each in FORMATS if each.own}
    silent = [each for each in results if each.format in own and each.outcome in ("silent", "warned")]
    assert not silent, _told(silent)


def test_every_kind_of_damage_is_tried(results: list[Result]) -> None:
    assert {each.kind for each in results} >= {*FILE_KINDS, *STORE_KINDS} - {"xml text"}
    assert Counter(each.outcome for each in results)["refused"] > len(results) / 3


# The harness itself can tell the outcomes apart.


def test_the_same_seed_is_the_same_damage(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(bytes(range(256)) * 40)
        made.append((damage(tmp_path / name, "garbled", 7), (tmp_path / name).read_bytes()))
    assert made[0] == made[1]
    assert made[0][1] != bytes(range(256)) * 40


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        ("import os; os.kill(os.getpid(), 11)", "crash"),
        ("import time; time.sleep(60)", "hang"),
        ("raise KeyError('mistake')", "traceback"),
        (
            "import numpy; numpy.ones(400 * 2**20, 'u1'); raise nowcast.errors.InputError('refused in the end')",
            "memory",
        ),
    ],
)
def test_a_reader_that_fails_is_caught(behaviour: str, outcome: str, tmp_path: Path) -> None:
    import fuzzing

    script = tmp_path / "worker.py"
    patched = "import nowcast, nowcast.errors\ndef fails(*a, **k):\n    " + behaviour + "\nnowcast.open_cube = fails\n"
    source = fuzzing.WORKER.read_text().replace(
        'if __name__ == "__main__":\n', f'if __name__ == "__main__":\n{_indented(patched)}'
    )
    script.write_text(source)
    worker = fuzzing.Worker(tmp_path / "room", program=script)
    try:
        answer = worker.ask(tmp_path, {}, patience=2 if outcome == "hang" else 60)
    finally:
        worker.close()
    assert answer["outcome"] == outcome, answer


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


def test_what_differs_in_silence_is_told(tmp_path: Path) -> None:
    plain = next(each for each in FORMATS if each.name == "NetCDF-3")
    with Workers(tmp_path, [plain], count=1) as workers:
        assert not workers.prepare()
        path = workers.pristine[plain.name]
        path.write_bytes(path.read_bytes()[:-64] + bytes(range(64)))  # what is copied has other last pixels
        result = workers.run(Case(plain.name, "tail doubled", 0))
    assert (result.outcome, result.differs) == ("silent", ("values",))


def test_formats_have_names_of_their_own() -> None:
    assert len({each.name for each in FORMATS}) == len(FORMATS)
    assert all(isinstance(each, Format) for each in FORMATS)
