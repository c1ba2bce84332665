"""What the page on many machines shows is understood by bash, torchrun and nowcast."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any


def test_the_commands_on_the_page_are_torchruns_and_nowcasts(page: Callable[[str], Any]) -> None:
    shown = page("how_to/many_machines.md")
    assert [words[0] for words in shown.commands()] == ["fit"] * 3
    launched = []
    for block in shown.blocks("sh"):
        joined = block.replace("\\\n", " ")
        launched += [shlex.split(line) for line in joined.splitlines() if re.match(r"(srun )?torchrun", line)]
    assert len(launched) == 3
    for words in launched:
        require_launched(words[words.index("torchrun") + 1 :])


def require_launched(words: list[str]) -> None:
    """Torchrun starts nowcast as a module, and takes no flag of nowcast's for its own."""
    from torch.distributed.run import get_args_parser

    known = get_args_parser().parse_args(words)
    rest = [word for word in (known.training_script, *known.training_script_args) if word != "--"]
    assert known.module
    assert rest[:2] == ["nowcast", "fit"]
    assert "--run" in rest
