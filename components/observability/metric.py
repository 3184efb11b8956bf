"""Metrics of CloudWatch and formulas over them."""

from collections.abc import Mapping, Sequence
from string import Template
from typing import NamedTuple

import pulumi


class Metric(NamedTuple):
    """A CloudWatch metric and the statistic it is read by (`Sum`, `Average`, `p99` ...)."""

    namespace: str
    name: str
    dimensions: Mapping[str, pulumi.Input[str]]
    statistic: str


class Expression(NamedTuple):
    """A formula of CloudWatch's metric math over metrics, which it calls by `$name`.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
    """

    formula: str
    metrics: Mapping[str, Metric]

    def text(self, suffix: str = "") -> str:
        """The formula, with each metric's name and the suffix as its id."""
        return Template(self.formula).substitute({name: f"{name}{suffix}" for name in self.metrics})


def percentage(errors: Metric, requests: Metric) -> Expression:
    """Errors in percent of the requests; 0 without requests."""
    formula = "IF($requests > 0, 100 * $errors / $requests, 0)"
    return Expression(formula, {"errors": errors, "requests": requests})


def total(metrics: Sequence[Metric]) -> Expression:
    """The sum of metrics that are only there when something happened."""
    named = {f"m{number}": metric for number, metric in enumerate(metrics)}
    return Expression(" + ".join(f"FILL(${name}, 0)" for name in named), named)
