"""Dashboards of rows of graphs.

The body's structure:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from .alarm import Alarm
from .metric import Expression, Metric

COLUMNS = 24
HEIGHT = 6

# An account's first three dashboards are free, up to this many metrics each:
# https://aws.amazon.com/cloudwatch/pricing/
FREE_METRICS = 50

Widget = dict[str, Any]


@dataclass(frozen=True)
class Graph:
    """Lines over time by label, and the alarms on what they show, each with its own line."""

    title: str
    lines: Mapping[str, Metric | Expression]
    alarms: Sequence[Alarm] = field(default=())
    period: int = 60
    """Seconds of a point."""
    start: str | None = None
    """What it shows whatever the dashboard does, as `-P14D`: the last two weeks.
    https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_cloudwatch.SingleValueWidgetProps.html"""

    def metrics(self) -> Iterator[Metric]:
        """Every metric that is read for it."""
        for line in self.lines.values():
            if isinstance(line, Metric):
                yield line
            else:
                yield from line.metrics.values()

    def widget(self, region: pulumi.Input[str]) -> Widget:
        """The graph in a dashboard's body."""
        lines: list[list[Any]] = []
        for number, (label, line) in enumerate(self.lines.items()):
            if isinstance(line, Metric):
                lines.append(_line(line, {"label": label}))
                continue
            suffix = str(number)
            lines += [
                _line(metric, {"id": f"{name}{suffix}", "visible": False})
                for name, metric in line.metrics.items()
            ]
            lines.append([{"expression": line.text(suffix), "label": label, "id": f"e{suffix}"}])
        properties: dict[str, Any] = {
            "title": self.title,
            "region": region,
            "view": "timeSeries",
            "stacked": False,
            "period": self.period,
            "metrics": lines,
        }
        if self.start:
            properties["start"] = self.start
        thresholds = sorted({each.threshold for each in self.alarms})
        if thresholds:
            properties["annotations"] = {
                "horizontal": [{"label": "alarm", "value": value} for value in thresholds]
            }
        return {"type": "metric", "height": HEIGHT, "properties": properties}


@dataclass(frozen=True)
class Note:
    """A line of text, for what has no metric."""

    markdown: str

    def widget(self) -> Widget:
        """The text in a dashboard's body."""
        return {"type": "text", "height": 2, "properties": {"markdown": self.markdown}}


Row = Sequence[Graph | Note]
Section = Sequence[Row]


def alarms(sections: Sequence[Section]) -> list[Alarm]:
    """The alarms of every graph."""
    return [alarm for graph in _graphs(sections) for alarm in graph.alarms]


def boards(sections: Sequence[Section]) -> list[list[Section]]:
    """The sections on as few dashboards that are free of charge as are found.

    They are filled in the sections' order, or where that takes fewer, with the largest first.
    """
    in_order, by_size = _filled(sections), _filled(sorted(sections, key=_alone, reverse=True))
    if len(in_order) <= len(by_size):
        return in_order
    places = {id(section): place for place, section in enumerate(sections)}
    sorted_boards = [sorted(board, key=lambda each: places[id(each)]) for board in by_size]
    return sorted(sorted_boards, key=lambda board: places[id(board[0])])


def _filled(sections: Sequence[Section]) -> list[list[Section]]:
    """Each section on the first dashboard that has room for it."""
    found: list[list[Section]] = [[]]
    for section in sections:
        room = (each for each in found if not each or _size([*each, section]) <= FREE_METRICS)
        board = next(room, None)
        if board is None:
            found.append(board := [])
        board.append(section)
    return found


def body(
    sections: Sequence[Section],
    region: pulumi.Input[str],
    alarm_arns: Sequence[pulumi.Input[str]] = (),
    further: Sequence[str] = (),
) -> dict[str, Any]:
    """A dashboard's body: the state of alarms, the sections, the ways to further dashboards."""
    rows: list[list[Widget]] = []
    if alarm_arns:
        properties = {"title": "Alarms", "alarms": list(alarm_arns)}
        rows.append([{"type": "alarm", "height": 4, "properties": properties}])
    rows += [
        [each.widget(region) if isinstance(each, Graph) else each.widget() for each in row]
        for section in sections
        for row in section
    ]
    if further:
        links = ", ".join(f"[{name}](#dashboards:name={name})" for name in further)
        rows.append([Note(f"More: {links}").widget()])
    return {"widgets": list(_placed(rows))}


def _placed(rows: Sequence[Sequence[Widget]]) -> Iterator[Widget]:
    """Each row's widgets share its width."""
    y = 0
    for row in rows:
        height = max(widget["height"] for widget in row)
        width = COLUMNS // len(row)
        for number, widget in enumerate(row):
            yield {**widget, "x": number * width, "y": y, "width": width, "height": height}
        y += height


def _graphs(sections: Sequence[Section]) -> Iterator[Graph]:
    for section in sections:
        for row in section:
            yield from (each for each in row if isinstance(each, Graph))


def _alone(section: Section) -> int:
    return _size([section])


def _size(sections: Sequence[Section]) -> int:
    """How many metrics, each statistic counted as one: more than AWS says, at worst."""
    lines = [metric for graph in _graphs(sections) for metric in graph.metrics()]
    unique: list[Metric] = []
    for line in lines:
        # Dimensions may be outputs, which neither compare nor hash: the same object is the same.
        if not any(_same(line, other) for other in unique):
            unique.append(line)
    return len(unique)


def _same(one: Metric, other: Metric) -> bool:
    return (
        one[:2] == other[:2]
        and one.statistic == other.statistic
        and list(one.dimensions) == list(other.dimensions)
        and all(one.dimensions[key] is other.dimensions[key] for key in one.dimensions)
    )


def _line(metric: Metric, options: dict[str, Any]) -> list[Any]:
    dimensions = [part for pair in metric.dimensions.items() for part in pair]
    return [metric.namespace, metric.name, *dimensions, {"stat": metric.statistic, **options}]
