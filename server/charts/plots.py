"""Plots: a box with values upward, and the line that runs through it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from server.charts.ink import WIDTH, Palette, Words, draw_line, draw_text
from server.charts.scales import Point, drawable, share_between


class Plot(NamedTuple):
    """A box with values upward, its labels at the left and room for names below."""

    palette: Palette
    marks: list[float]
    left: float = 0.1
    right: float = 0.94
    top: float = 12.0
    bottom: float = 178.0
    height: float = 204.0

    def x(self, share: float) -> str:
        """Return the place of a share of the width."""
        return self.palette.x(self.left + share * (self.right - self.left))

    def y(self, value: float) -> float:
        """Return the height of a value."""
        share = share_between(value, self.marks[0], self.marks[-1])
        return self.bottom - share * (self.bottom - self.top)

    def sheet(self, words: Words, body: str) -> str:
        """Wrap the drawing; the last hour may lean over its edge."""
        return self.palette.root(words, self.height, body, overflow="visible")

    def grid(self, words: Words) -> str:
        """Draw the round values and the lines they stand on."""
        across, edge = (self.x(0), self.x(1)), self.palette.x(self.left - 0.02)
        parts: list[str] = []
        for mark in self.marks:
            name = "c-base" if mark == max(0.0, self.marks[0]) else "c-grid"
            parts.append(draw_line(self.palette.ink(name), across, (self.y(mark),) * 2))
            written = words.number(mark)
            soft = self.palette.ink("soft")
            parts.append(draw_text(soft, edge, self.y(mark) + 4, written, "end"))
        return "".join(parts)


class Trace(NamedTuple):
    """How to turn moments and values into a path inside a plot."""

    plot: Plot
    start: float
    end: float

    def place(self, at: float, value: float) -> tuple[float, float]:
        """Return where a point lies: of a hundred on a page, else in the drawing."""
        plot, across = self.plot, share_between(at, self.start, self.end)
        if plot.palette.is_page:
            down = (plot.y(value) - plot.top) / (plot.bottom - plot.top)
            return across * 100, down * 100
        left, right = plot.left * WIDTH, plot.right * WIDTH
        return left + across * (right - left), plot.y(value)

    def runs(self, points: Iterable[Point]) -> list[list[tuple[float, float]]]:
        """Return the unbroken stretches of a line; a missing value breaks it."""
        runs: list[list[tuple[float, float]]] = [[]]
        for point in points:
            value = drawable(point.value)
            if value is None:
                runs.append([])
            else:
                runs[-1].append(self.place(point.at, value))
        return [run for run in runs if run]

    def line(self, name: str, points: Iterable[Point]) -> str:
        """Draw a line; a point alone between two gaps stays visible as a dot."""
        paths = [
            _path(run) + ("h.001" if len(run) == 1 else "") for run in self.runs(points)
        ]
        return (
            f'<path {self.plot.palette.ink(name)} d="{"".join(paths)}"/>' if paths else ""
        )

    def area(self, points: Iterable[Point]) -> str:
        """Fill what lies between a line and the ground."""
        _, ground = self.place(self.start, max(0.0, self.plot.marks[0]))
        paths = [
            f"{_path(run)}L{run[-1][0]:.2f} {ground:.2f}L{run[0][0]:.2f} {ground:.2f}z"
            for run in self.runs(points)
        ]
        ink = self.plot.palette.ink("c-area")
        return f'<path {ink} d="{"".join(paths)}"/>' if paths else ""

    def inside(self, body: str) -> str:
        """Put paths in place; on a page they stretch with it while texts do not."""
        plot = self.plot
        if not plot.palette.is_page:
            return body
        width = plot.palette.x(plot.right - plot.left)
        box = f'x="{plot.x(0)}" y="{plot.top:.0f}" width="{width}"'
        view = 'viewBox="0 0 100 100" preserveAspectRatio="none" overflow="visible"'
        return f'<svg {box} height="{plot.bottom - plot.top:.0f}" {view}>{body}</svg>'


def _path(run: Sequence[tuple[float, float]]) -> str:
    """Write the commands of one unbroken line."""
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in run)
