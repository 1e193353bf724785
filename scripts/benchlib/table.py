"""Medians, percentiles, and the table that the benchmarks print."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that `percent` of all are at or below."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


@dataclass(frozen=True)
class Row:
    """A measured figure.

    Attributes:
        unit: Of both figures.
        otpy: What otpy measures.
        at_most: What the ratio, or without a baseline the figure itself, must not exceed.
        baseline: What the baseline measured in the same run, if there is one.
        spread: The ratios of the single rounds.
        at_least: What the ratio must reach, where more is better.
    """

    measure: str
    unit: str
    otpy: float
    at_most: float | None = None
    baseline: float | None = None
    spread: Sequence[float] = ()
    at_least: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times the baseline's figure otpy's is."""
        return None if self.baseline is None else self.otpy / self.baseline

    @property
    def missed(self) -> bool:
        """Whether it is beyond its target."""
        judged = self.otpy if self.ratio is None else self.ratio
        if self.at_least is not None and judged < self.at_least:
            return True
        return self.at_most is not None and judged > self.at_most

    @property
    def target(self) -> str:
        """What it is to reach; empty if that is not said."""
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return "" if self.at_most is None else f"at most {self.at_most:g}"

    def cells(self) -> tuple[str, ...]:
        """Write the row down."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        if self.spread:
            ratio += f" ({min(self.spread):.2f}-{max(self.spread):.2f})"
        verdict = "MISSED" if self.missed else "ok" if self.target else ""
        return (
            self.measure,
            "" if self.baseline is None else _figure(self.baseline, self.unit),
            _figure(self.otpy, self.unit),
            ratio,
            self.target,
            verdict,
        )


def paired(
    measure: str,
    unit: str,
    rounds: Sequence[tuple[float, float]],
    at_most: float | None = None,
    at_least: float | None = None,
) -> Row:
    """Make the row of figures of several rounds, each as ``(otpy, baseline)``."""
    otpy = median(ours for ours, _ in rounds)
    baseline = median(theirs for _, theirs in rounds)
    ratios = [ours / theirs for ours, theirs in rounds]
    return Row(measure, unit, otpy, at_most, baseline, ratios, at_least)


def _figure(value: float, unit: str) -> str:
    digits = 0 if unit in ("", "/s") else 2
    return f"{value:.{digits}f} {unit}".strip()


def render(rows: Sequence[Row]) -> str:
    """Draw the table."""
    head = ("measure", "baseline", "otpy", "ratio (rounds)", "target", "")
    lines = [head, *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    rule = tuple("-" * width for width in widths)
    return "\n".join(_line(line, widths) for line in (head, rule, *lines[1:]))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"
