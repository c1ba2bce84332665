"""Which frames and pixels make a sample, and which frames belong to which part. Index arithmetic; no data is read here.

A window is `context + horizon` frames that follow each other within one run (see `nowcast.cube.runs`), cut to a patch
of the field. Parts (training, validation, test) are contiguous blocks of time an embargo of at least a window apart,
whole sequences, whole events, or what the dataset's publishers set.
"""

from __future__ import annotations

from nowcast.cube import PARTS
from nowcast.windows.blocks import Block, BlockPlan, ChunkEdges, group_windows, plan_blocks
from nowcast.windows.choosing import ENOUGH_STARTS, LEAST_CONTEXT, choose
from nowcast.windows.events import by_events, share_hours
from nowcast.windows.joining import JoinedBlocks
from nowcast.windows.order import EpochOrder, Step
from nowcast.windows.parts import BY_EVENT, BY_PUBLISHER, BY_SEQUENCE, BY_TIME, Split
from nowcast.windows.plans import Window, WindowPlan, plan, starts_of
from nowcast.windows.sequences import Sequences
from nowcast.windows.shares import Shares
from nowcast.windows.splitting import split
from nowcast.windows.tiling import Tile, tiles

__all__ = [
    "BY_EVENT",
    "BY_PUBLISHER",
    "BY_SEQUENCE",
    "BY_TIME",
    "ENOUGH_STARTS",
    "LEAST_CONTEXT",
    "PARTS",
    "Block",
    "BlockPlan",
    "ChunkEdges",
    "EpochOrder",
    "JoinedBlocks",
    "Sequences",
    "Shares",
    "Split",
    "Step",
    "Tile",
    "Window",
    "WindowPlan",
    "by_events",
    "choose",
    "group_windows",
    "plan",
    "plan_blocks",
    "share_hours",
    "split",
    "starts_of",
    "tiles",
]
