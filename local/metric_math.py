"""Evaluates CloudWatch's metric math for one period; a metric without data is None.

Only what our expressions use: the four operations, comparisons, IF, FILL and PERIOD.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class Series:
    """One data point, or none: whatever is computed from none is none, as is a division by 0."""

    def __init__(self, value: float | None, period: int) -> None:
        self.value = value
        self.period = period

    def _with(self, other: Any, compute: Callable[[float, float], float]) -> Series:
        theirs = other.value if isinstance(other, Series) else other
        if self.value is None or theirs is None:
            return Series(None, self.period)
        try:
            return Series(compute(self.value, theirs), self.period)
        except ZeroDivisionError:
            return Series(None, self.period)

    def __add__(self, other: Any) -> Series:
        return self._with(other, lambda a, b: a + b)

    def __mul__(self, other: Any) -> Series:
        return self._with(other, lambda a, b: a * b)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Series:
        return self._with(other, lambda a, b: a / b)

    def __gt__(self, other: Any) -> Series:
        return self._with(other, lambda a, b: float(a > b))


def evaluate(expression: str, metrics: Mapping[str, float | None], period: int) -> float | None:
    """The expression's value for one period of `period` seconds."""

    def choose(condition: Series, then: Any, otherwise: Any) -> Series:
        if condition.value is None:
            return Series(None, period)
        chosen = then if condition.value else otherwise
        return chosen if isinstance(chosen, Series) else Series(chosen, period)

    functions = {
        "IF": choose,
        "FILL": lambda series, value: Series(
            value if series.value is None else series.value, period
        ),
        "PERIOD": lambda series: series.period,
        "__builtins__": {},
    }
    series = {name: Series(value, period) for name, value in metrics.items()}
    # The expressions are the program's own, and no name but these means anything in them.
    result = eval(expression, functions, series)  # noqa: S307
    return result.value if isinstance(result, Series) else result
