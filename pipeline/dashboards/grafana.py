"""Boards as Grafana takes them: the only file that knows its SDK, which types every field and is an extra of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models import prometheus as prometheus_models

from pipeline.dashboards.model import Board, Look, Panel, Query, Scope, Variable

TAG: Final = "penstock"
COLUMNS: Final = 24
HEIGHTS: Final = {"stat": 5}
HEIGHT: Final = 8

_SOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")

AnyPanel = timeseries.Panel | stat.Panel | heatmap.Panel | statetimeline.Panel | table.Panel


def dashboard_json(board: Board, scope: Scope) -> str:
    """The dashboard as JSON text; the same board gives the same text."""
    built = dashboard.Dashboard(board.title)
    built.uid(f"penstock-{board.name}").description(board.about).tags([TAG])
    built.time("now-1h", "now").refresh("30s").timezone("browser").tooltip(models.DashboardCursorSync.CROSSHAIR)
    for link in _links(scope):
        built.link(link)
    built.with_variable(dashboard.DatasourceVariable("datasource").label("Source").type("prometheus"))
    for variable in board.variables:
        built.with_variable(_variable(variable))
    _place(built, board)
    return json.dumps(built.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _links(scope: Scope) -> tuple[dashboard.DashboardLink, ...]:
    others = dashboard.DashboardLink("Penstock").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    others.as_dropdown(True).include_vars(True).keep_time(True)
    console = dashboard.DashboardLink("Live requests").type(models.DashboardLinkType.LINK).url(scope.console)
    console.icon("external link").tooltip("The gateway's own page: each request as it goes").target_blank(True)
    return others, console


def _variable(variable: Variable) -> dashboard.QueryVariable:
    # 1: label values, as Grafana itself writes such a query.
    query: dict[str, object] = {"qryType": 1, "query": variable.query, "refId": variable.name}
    built = dashboard.QueryVariable(variable.name).label(variable.name.capitalize()).datasource(_SOURCE).query(query)
    built.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC)
    return built.multi(True).include_all(True).all_value(".*").current(_all())


def _all() -> models.VariableOption:
    return models.VariableOption(selected=True, text=["All"], value=["$__all"])


def _place(built: dashboard.Dashboard, board: Board) -> None:
    """Rows below each other, and in each row as many panels beside each other as there is room for."""
    number = top = 0
    for row in board.rows:
        number += 1
        built.with_row(dashboard.Row(row.title).id(number).grid_pos(models.GridPos(h=1, w=COLUMNS, x=0, y=top)))
        top += 1
        left = tallest = 0
        for panel in row.panels:
            number += 1
            height = HEIGHTS.get(panel.look, HEIGHT)
            if left + panel.width > COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            position = models.GridPos(h=height, w=panel.width, x=left, y=top)
            built.with_panel(_panel(panel).id(number).grid_pos(position))
            left, tallest = left + panel.width, max(tallest, height)
        top += tallest


def _panel(panel: Panel) -> AnyPanel:
    built = _MAKERS[panel.look]()
    built.title(panel.question).description(panel.advice).datasource(_SOURCE).unit(panel.unit).thresholds(_thresholds(panel))
    for place, query in enumerate(panel.queries):
        built.with_target(_target(panel, query, "ABCDEFGH"[place]))
    if panel.words:
        results = {
            str(value): models.ValueMappingResult(text=text, color=colour) for value, (text, colour) in panel.words.items()
        }
        built.mappings([models.ValueMap(options=results)])
    return built


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    steps = [models.Threshold(value=None, color=panel.base)]
    steps += [models.Threshold(value=value, color=colour) for value, colour in panel.colours]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _target(panel: Panel, query: Query, ref: str) -> prometheus.Dataquery:
    built = prometheus.Dataquery().expr(query.expr).ref_id(ref).datasource(_SOURCE)
    built.legend_format(query.legend or "__auto").editor_mode(prometheus_models.QueryEditorMode.CODE)
    if panel.look == "table":
        return built.instant().format(prometheus_models.PromQueryFormat.TABLE)
    if panel.look == "heatmap":
        built.format(prometheus_models.PromQueryFormat.HEATMAP)
    elif panel.look == "lines" and "_bucket" in query.expr:
        # Dots of single requests, with their ids.
        built.exemplar(True)
    return built.range()


def _lines() -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(common_models.LegendDisplayMode.LIST)
    legend.placement(common_models.LegendPlacement.BOTTOM).show_legend(True)
    tooltip = common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI).sort(common_models.SortOrder.DESCENDING)
    built = timeseries.Panel().line_width(1).fill_opacity(8).show_points(common_models.VisibilityMode.NEVER).min(0)
    dashed = common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
    return built.legend(legend).tooltip(tooltip).thresholds_style(dashed)


def _stacked() -> timeseries.Panel:
    off = common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.OFF)
    stacking = common.StackingConfig().mode(common_models.StackingMode.NORMAL).group("A")
    return _lines().fill_opacity(30).stacking(stacking).thresholds_style(off)


def _stat() -> stat.Panel:
    colour = dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)
    last = common.ReduceDataOptions().calcs(["lastNotNull"])
    return stat.Panel().graph_mode(common_models.BigValueGraphMode.AREA).color_scheme(colour).reduce_options(last)


def _heatmap() -> heatmap.Panel:
    colour = heatmap.HeatmapColorOptions().mode(heatmap_models.HeatmapColorMode.SCHEME).scheme("Spectral").reverse(True).steps(64)
    return (
        heatmap.Panel()
        .calculate(False)
        .color(colour)
        .y_axis(heatmap.YAxisConfig().unit("s"))
        .filter_values(heatmap.FilterValueRange().le(1e-9))
    )


def _states() -> statetimeline.Panel:
    colour = dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS)
    return statetimeline.Panel().color_scheme(colour).merge_values(True).show_value(common_models.VisibilityMode.AUTO)


def _table() -> table.Panel:
    organize: Any = {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": {"Value": "count"}}
    return table.Panel().with_transformation(models.DataTransformerConfig(id_val="organize", options=organize)).decimals(0)


_MAKERS: Final[Mapping[Look, Callable[[], AnyPanel]]] = {
    "lines": _lines,
    "stacked": _stacked,
    "stat": _stat,
    "heatmap": _heatmap,
    "states": _states,
    "table": _table,
}
