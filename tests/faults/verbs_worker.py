"""Types commands in a process of its own, and tells what they did beside their work: one line of JSON in, one out.

In:  {"path": where it is typed, "options": {"words": ["forecast", …]}}
Out: {"code", "err", "traceback", "events": [[event, what]], "modules": [files], "grown": bytes}
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

from reading_worker import _forget_peak, _kilobytes

ADDRESS_SPACE = 12 * 2**30

WATCHED = (
    "open",
    "os.listdir",
    "os.scandir",
    "exec",
    "compile",
    "pickle.find_class",
    "os.system",
    "os.exec",
    "os.fork",
)
WATCHED += ("os.forkpty", "os.posix_spawn", "os.spawn", "subprocess.Popen", "socket.", "urllib.", "ctypes.dlopen")
WATCHED += ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "shutil.rmtree")

NOWCAST = Path(__file__).parents[2] / "nowcast"

_events: list[list[str]] | None = None


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _events is None or not event.startswith(WATCHED):
        return
    if event == "pickle.find_class" and _by_dask():
        return
    told = arguments[0] if arguments else ""
    if event == "compile":
        told = arguments[1]
    if event == "exec":
        told = told.co_filename
    if not isinstance(told, int):
        _events.append([event, os.fsdecode(told) if isinstance(told, str | bytes | os.PathLike) else repr(arguments)])


def _by_dask() -> bool:
    """Whether dask asks: to tell two of its own objects apart it pickles them, and reads that again."""
    frame = sys._getframe(2)
    while frame.f_back is not None and not frame.f_code.co_filename.startswith(str(NOWCAST)):
        if frame.f_code.co_filename.endswith("/dask/tokenize.py"):
            return True
        frame = frame.f_back
    return False


def typed(words: list[str], folder: str) -> dict[str, Any]:
    global _events
    from nowcast.cli import ending

    os.chdir(folder)
    ending._debug = False
    sys.argv = ["nowcast", *words]
    out, err = io.StringIO(), io.StringIO()
    known = set(sys.modules)
    _forget_peak()
    before = _kilobytes("VmRSS")
    code, trace = 0, ""
    _events = events = []
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        try:
            ending.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            code, trace = 1, traceback.format_exc()
    _events = None
    new = [str(getattr(sys.modules.get(name), "__file__", None) or "") for name in set(sys.modules) - known]
    grown = (_kilobytes("VmHWM") - before) * 1024
    unique = [list(each) for each in dict.fromkeys(map(tuple, events))]
    told = {"code": code, "out": out.getvalue(), "err": err.getvalue(), "traceback": trace, "events": unique}
    return {**told, "modules": sorted(filter(None, new)), "grown": grown}


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.addaudithook(watch)
    for line in sys.stdin:
        case = json.loads(line)
        answers.write(json.dumps(typed(case["options"]["words"], case["path"])) + "\n")
        answers.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
