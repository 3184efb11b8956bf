"""The dashboards that the program registers, drawn from the run's own numbers, and its alarms."""

from __future__ import annotations

import time
from typing import Any

from nicegui import ui

from console.desk import Desk
from console.pages import layout
from local.metrics import PERIOD, Alarm, Graph, graphs, values

SHOWN_MINUTES = 30
DRAW_SECONDS = 5.0
_ORDER = ("ALARM", "INSUFFICIENT_DATA", "OK", "UNKNOWN")


def register(desk: Desk) -> None:
    """The page at /metrics."""

    @ui.page("/metrics")
    async def metrics(dashboard: str = "") -> None:
        with layout.frame(desk, "Metrics", "python -m local alarms [--all]"):
            ui.html("Alarms", tag="h1")
            with ui.element("div").classes("card"):
                alarms = ui.element("div")
            bodies = desk.dashboards()
            chosen = dashboard if dashboard in bodies else next(iter(bodies), "")
            ui.html("Dashboards", tag="h1")
            with ui.element("div").classes("tools"):
                for name in bodies:
                    link = ui.link(name, f"/metrics?dashboard={name}").classes("tab")
                    if name == chosen:
                        link.props('aria-current="true"')
            drawn = []
            with ui.element("div").classes("graphs"):
                for graph in graphs(bodies[chosen]) if chosen else ():
                    drawn.append((graph, _graph(graph)))
            known: list[Alarm] = []

            async def refresh() -> None:
                found = await layout.asked(desk.alarms)
                if found != known:
                    known[:] = found
                    alarms.clear()
                    with alarms:
                        _alarms(found)
                for graph, chart in drawn:
                    if chart is not None:
                        _draw(desk, graph, chart)

            ui.timer(DRAW_SECONDS, refresh)


def _alarms(found: list[Alarm]) -> None:
    rung = [alarm for alarm in found if alarm.state == "ALARM" or alarm.rang]
    unknown = [alarm for alarm in found if alarm.state == "UNKNOWN"]
    ui.label(
        f"{len(found)} alarms: {sum(a.state == 'ALARM' for a in found)} ring now, {len(rung)} have "
        f"in this hour, {len(unknown)} watch what a local run cannot know."
    ).classes("state q-mb-sm")
    for alarm in sorted(rung, key=lambda alarm: _ORDER.index(alarm.state)):
        _alarm(alarm)
    with ui.element("details"):
        with ui.element("summary"):
            ui.label("All others").style("display: inline")
        for alarm in sorted(found, key=lambda alarm: _ORDER.index(alarm.state)):
            if alarm not in rung:
                _alarm(alarm)


def _alarm(alarm: Alarm) -> None:
    with ui.element("div").classes("letter"), ui.element("div"):
        with ui.element("div"):
            status = ui.label(alarm.state).classes("status").style("display: inline")
            status.props["data-status"] = alarm.state
            ui.label(f" {alarm.name}").style("display: inline")
        now = "" if alarm.value is None else f"; now {alarm.value:g}"
        ui.label(f"{alarm.condition}{now}").classes("mono")
        if alarm.rang:
            ui.label(f"Would have rung at {_moments(alarm.rang)}").classes("bad")
        if alarm.unknown:
            ui.label(f"A local run cannot know {', '.join(alarm.unknown)}.").classes("soft")
        ui.label(alarm.description).classes("soft")


def _moments(minutes: list[int]) -> str:
    return ", ".join(time.strftime("%H:%M", time.localtime(m * PERIOD)) for m in minutes[-10:])


def _graph(graph: Graph) -> ui.echart | None:
    with ui.element("section").classes("card"):
        ui.label(graph.title).classes("h2").props('role="heading" aria-level="2"')
        unknown = sorted({name for line in graph.lines for name in line.unknown})
        if unknown:
            ui.label(f"A local run cannot know {', '.join(unknown)}.").classes("soft")
        if all(line.unknown for line in graph.lines):
            return None
        return ui.echart({"series": []}).classes("chart")


def _draw(desk: Desk, graph: Graph, chart: ui.echart) -> None:
    now = int(time.time()) // PERIOD
    minutes = range(now - SHOWN_MINUTES + 1, now + 1)
    series: list[dict[str, Any]] = [
        {
            "name": line.label,
            "type": "line",
            "showSymbol": True,
            "symbolSize": 4,
            "data": values(line, desk.metrics, minutes),
        }
        for line in graph.lines
        if not line.unknown
    ]
    if series and graph.thresholds:
        marks = [{"yAxis": threshold, "name": "alarm"} for threshold in graph.thresholds]
        series[0]["markLine"] = {
            "silent": True,
            "symbol": "none",
            "data": marks,
            "lineStyle": {"color": "#d33", "type": "dashed"},
            "label": {"show": False},
        }
    names = [time.strftime("%H:%M", time.localtime(minute * PERIOD)) for minute in minutes]
    grey = "#8a94a3"
    options = {
        "animation": False,
        "grid": {"left": 48, "right": 12, "top": 12, "bottom": 52},
        "tooltip": {"trigger": "axis"},
        "legend": {"bottom": 0, "type": "scroll", "textStyle": {"color": grey}},
        "xAxis": {"type": "category", "data": names, "axisLabel": {"color": grey}},
        "yAxis": {
            "type": "value",
            "axisLabel": {"color": grey},
            "splitLine": {"lineStyle": {"color": grey, "opacity": 0.25}},
        },
        "series": series,
    }
    if chart.options != options:
        chart.options.clear()
        chart.options.update(options)
        chart.update()
