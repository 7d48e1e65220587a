"""The dashboards, each a file."""

from __future__ import annotations

from typing import Final

from pipeline.dashboards.boards.cluster import cluster
from pipeline.dashboards.boards.flow import flow
from pipeline.dashboards.boards.overview import overview
from pipeline.dashboards.boards.process import process
from pipeline.dashboards.boards.resilience import resilience
from pipeline.dashboards.boards.speed import speed
from pipeline.dashboards.boards.translation import translation
from pipeline.dashboards.model import BoardOf

BOARDS: Final[tuple[BoardOf, ...]] = (overview, speed, resilience, flow, translation, cluster, process)
"""In the order in which they are listed."""
