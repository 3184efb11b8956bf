"""The figures as ratios to bare boto3, the limits they are held to, and the table."""

import platform
import statistics
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from operations.cost.calls import CALLS
from tools.benchmarks import callers
from tools.benchmarks.measure import UNIT
from tools.benchmarks.subjects import Subject

Rounds = dict[str, list[float]]
Warm = tuple[Rounds, dict[str, float]]  # and the AWS calls of ours, per event


@dataclass(frozen=True)
class Row:
    """One measure: a figure per subject, in `unit`; limit: the largest ratio ours may have."""

    measure: str
    unit: str
    figures: dict[str, float]
    limit: float | None = None

    def ratio(self, subject: str) -> float:
        return self.figures[subject] / self.figures["bare"]

    @property
    def met(self) -> bool:
        return self.limit is None or self.ratio("ours") <= self.limit


OWN_LOGIC_LIMIT_US = 250.0
ZIP_LIMIT_MB = 4.5
SAVED_LIMIT_SECONDS = 1.0
BATCH_SHARE_LIMIT = 1 / 3


def _medians(rounds: Rounds, scale: float) -> dict[str, float]:
    return {name: statistics.median(values) * scale for name, values in rounds.items()}


def _rows(
    cold: dict[str, dict[str, dict[str, float]]],
    http: dict[str, Warm],
    sizes: dict[int, Warm],
) -> list[Row]:
    scale, unit = (1e-6, "M instructions") if UNIT == "instructions" else (1e3, "ms CPU")
    rows = []
    for function, modes in cold.items():
        for mode, words, limit in (
            ("first", "INIT + first request over TLS", 0.50),
            ("init", "INIT alone", 0.70),
        ):
            figures = {name: cost * scale for name, cost in modes[mode].items()}
            rows.append(Row(f"{function}: {words}", unit, figures, limit))
        if "memory" in modes:
            held = {name: number / 1e6 for name, number in modes["memory"].items()}
            rows.append(Row(f"{function}: resident memory after that", "MB", held, 1.0))
    by_size = {items: _medians(rounds, 1e6) for items, (rounds, _) in sizes.items()}
    subjects = next(iter(by_size.values()))
    mean = {
        name: statistics.mean(figures[name] for figures in by_size.values()) for name in subjects
    }
    words = f"create_order: warm, mean of {', '.join(map(str, by_size))} items"
    rows.append(Row(words, "µs CPU", mean, 0.65))
    for items, figures in by_size.items():
        noun = "item" if items == 1 else "items"
        rows.append(Row(f"create_order: warm, {items} {noun}", "µs CPU", figures))
    for function, (rounds, _) in http.items():
        rows.append(Row(f"{function}: warm", "µs CPU", _medians(rounds, 1e6)))
    return rows


def result(
    subjects: dict[str, Subject],
    cold: dict[str, dict[str, dict[str, float]]],
    http: dict[str, Warm],
    sizes: dict[int, Warm],
    batch: dict[int, Rounds],
    own: dict[str, Warm],
) -> dict[str, Any]:
    """Everything that was measured, as it is kept in docs/performance.json."""
    rows = _rows(cold, http, sizes)
    alone, ten = _medians(batch[1], 1e6), _medians(batch[10], 1e6)
    return {
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "python": platform.python_version(),
            "counting": UNIT,
            **{
                name: metadata.version(name)
                for name in ("boto3", "botocore", "aws-lambda-powertools", "pulumi", "ministack")
            },
        },
        "rows": [
            {
                "measure": row.measure,
                "unit": row.unit,
                **{name: round(figure, 1) for name, figure in row.figures.items()},
                "ours_to_bare": round(row.ratio("ours"), 3),
                "tutorial_to_bare": round(row.ratio("tutorial"), 3),
                "limit": row.limit,
                "met": row.met,
            }
            for row in rows
        ],
        "own_logic_us": {
            function: {name: round(value, 1) for name, value in _medians(rounds, 1e6).items()}
            for function, (rounds, _) in own.items()
        },
        "zip_megabytes": {
            name: round(subject.zip_bytes / 1e6, 2) for name, subject in subjects.items()
        },
        "aws_calls_per_event": {
            "create_order": next(iter(sizes.values()))[1],
            **{function: calls for function, (_, calls) in http.items()},
        },
        "batch_of_10_billed": {
            name: {
                "us_alone": round(alone[name], 1),
                "us_per_message": round(ten[name] / 10, 1),
                "share_of_alone": round(ten[name] / 10 / alone[name], 3),
            }
            for name in ten
        },
    }


def _words(calls: dict[str, dict[str, float]]) -> str:
    return "; ".join(
        f"{function} {' + '.join(f'{count:g} {name}' for name, count in counted.items())}"
        for function, counted in calls.items()
    )


def _checks(result: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """The limits that are not relative to bare boto3: (what, figure against limit, met)."""
    own = result["own_logic_us"]["create_order"]["ours"]
    size = result["zip_megabytes"]["ours"]
    share = result["batch_of_10_billed"]["ours"]["share_of_alone"]
    calls = result["aws_calls_per_event"]
    saved = result.get("local", {}).get("saved_to_live")
    return [
        (
            "create_order: own logic, AWS stubbed",
            f"{own:.0f} µs ≤ {OWN_LOGIC_LIMIT_US:.0f} µs",
            own <= OWN_LOGIC_LIMIT_US,
        ),
        ("bundle, zip", f"{size} MB ≤ {ZIP_LIMIT_MB} MB", size <= ZIP_LIMIT_MB),
        (
            "process_order: a message in a batch of 10 to one alone",
            f"{share:.2f} ≤ {BATCH_SHARE_LIMIT:.2f}",
            share <= BATCH_SHARE_LIMIT,
        ),
        ("AWS calls per event", _words(calls), calls == {each: CALLS[each] for each in calls}),
        *([_saved(saved)] if saved else []),
    ]


def _saved(seconds: float) -> tuple[str, str, bool]:
    return (
        "local run: a function, from its save to its first answer",
        f"{seconds:.2f} s ≤ {SAVED_LIMIT_SECONDS:.0f} s",
        seconds <= SAVED_LIMIT_SECONDS,
    )


MARK = "<!-- {} of the tables that make bench writes -->"


def with_tables(page: str, result: dict[str, Any]) -> str:
    """The documentation's page with this result between its two marks."""
    start, end = MARK.format("start"), MARK.format("end")
    head, _, rest = page.partition(start)
    _, _, tail = rest.partition(end)
    return "\n".join([head + start, "", *_tables(result), "", end + tail])


def _tables(result: dict[str, Any]) -> list[str]:
    lines = [
        "| measure | unit | bare | tutorial | ours | tutorial / bare | **ours / bare** | limit |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        figures = " | ".join(f"{row[name]:.0f}" for name in ("bare", "tutorial", "ours"))
        ratios = f"{row['tutorial_to_bare']:.2f} | **{row['ours_to_bare']:.2f}**"
        limit = f"≤ {row['limit']:.2f}" if row["limit"] else ""
        lines.append(f"| {row['measure']} | {row['unit']} | {figures} | {ratios} | {limit} |")
    lines += ["", "| measure | ours, and its limit |", "|---|---|"]
    lines += [f"| {what} | {figure} |" for what, figure, _ in _checks(result)]
    lines += [f"| {what} | {figure} |" for what, figure in _local(result)]
    versions = ", ".join(f"{name} {value}" for name, value in result["machine"].items())
    return [*lines, "", f"Measured with: {versions}."]


def _local(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Figures without a limit."""
    figures = [
        *callers.rows(result["callers"]),
        ("registering the dev stack", f"{result['registration_of_dev_seconds']:.2f} s"),
    ]
    if local := result.get("local"):
        figures += [
            ("local run: command to first 201", f"{local['command_to_first_201']:.2f} s"),
            ("local run: POST p50", f"{local['post_p50'] * 1e3:.1f} ms"),
            ("local run: POST p99", f"{local['post_p99'] * 1e3:.1f} ms"),
            (
                "local run: requests at 16 connections",
                f"{local['requests_per_second']:.0f}/s",
            ),
            *_cpu(local.get("cpu", {})),
            (
                "local run: 201 to CONFIRMED (below 0: before it)",
                f"{local['lag_to_confirmed'] * 1e3:.1f} ms",
            ),
        ]
    return figures


def _cpu(used: dict[str, float]) -> list[tuple[str, str]]:
    """Who used the CPU; nothing of figures that were measured before it was looked at."""
    words = " + ".join(f"{who} {seconds * 1e3:.1f}" for who, seconds in used.items())
    return [("local run: CPU of an order then", f"{words} ms")] if used else []


def show(result: dict[str, Any]) -> int:
    """Print the tables; 0 when every limit is met, else 1."""
    line = "{:<52}{:>16}{:>12}{:>12}{:>12}{:>8}{:>10}{:>8}{:>5}"
    heads = ("measure", "unit", "bare", "tutorial", "ours", "ours/", "tutorial/", "limit", "")
    print(line.format(*heads))
    for row in result["rows"]:
        print(
            line.format(
                *(row["measure"], row["unit"], row["bare"], row["tutorial"], row["ours"]),
                *(row["ours_to_bare"], row["tutorial_to_bare"], row["limit"] or "-"),
                "ok" if row["met"] else "MISS",
            )
        )
    checks = _checks(result)
    for what, figure, met in checks:
        print(f"{what:<64}{figure}  {'ok' if met else 'MISS'}")
    for what, figure in _local(result):
        print(f"{what:<64}{figure}")
    return 0 if all(row["met"] for row in result["rows"]) and all(c[2] for c in checks) else 1
