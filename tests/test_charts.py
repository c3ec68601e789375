"""Charts: well formed for any figures, honest about gaps, the same for page and PDF."""

import math
import re
from collections.abc import Callable
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.charts import (
    Chart,
    Palette,
    Part,
    Point,
    Row,
    Span,
    Step,
    Words,
    arrival_curve,
    bars,
    clock_ticks,
    funnel,
    glass,
    interval,
    plain,
    spark,
    stacked,
    stepped,
    ticks,
)

PAGE = Palette.page()
PRINT = Palette.print("#9b3519", "#e9c7b8", "#20241b", "#575a50", "#d9d7ce")
PALETTES = pytest.mark.parametrize("palette", [PAGE, PRINT], ids=["page", "print"])
WORDS = Words("Arrivals", "How the room filled", ("Time", "People"))
SVG = "{http://www.w3.org/2000/svg}"
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
LENGTHS = ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height")


def parsed(chart: Chart) -> ET.Element:
    """Read a drawing back; it must be XML, say what it is, and be drawn by numbers."""
    root = ET.fromstring(chart.svg)  # noqa: S314
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert [child.tag for child in root[:2]] == [f"{SVG}title", f"{SVG}desc"]
    for element in root.iter():
        assert element.tag not in {f"{SVG}script", f"{SVG}style"}
        assert not any(name.startswith("on") for name in element.attrib)
        assert element.get("style") is None
        for name in LENGTHS:
            if name in element.attrib:
                assert_length(name, element.attrib[name])
        assert not re.search("nan|inf|e[+-]", element.get("d", "").lower())
    return root


def assert_length(name: str, written: str) -> None:
    """A length is a plain finite number, and a size is never negative."""
    assert re.fullmatch(r"-?\d+(\.\d+)?%?", written)
    if name in {"width", "height", "r"}:
        assert float(written.rstrip("%")) >= 0


def shapes(chart: Chart, tag: str) -> list[ET.Element]:
    """Return the elements of one kind."""
    return list(parsed(chart).iter(f"{SVG}{tag}"))


def paths(chart: Chart, name: str) -> list[str]:
    """Return the commands of the paths of one class, as drawn on a page."""
    found = [path for path in shapes(chart, "path") if path.get("class") == name]
    return [path.attrib["d"] for path in found]


def written(chart: Chart) -> list[str]:
    """Return the texts one can read on a drawing."""
    return [text.text or "" for text in shapes(chart, "text")]


# Scales


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 56, [0, 20, 40, 60]),
        (0, 100, [0, 50, 100]),
        (0, 80, [0, 20, 40, 60, 80]),
        (0, 4, [0, 1, 2, 3, 4]),
        (0, 0, [0, 0.5, 1]),
        (-3, 5, [-4, -2, 0, 2, 4, 6]),
        (56, 0, [0, 20, 40, 60]),
    ],
)
def test_ticks_are_round_and_cover_everything(
    low: float, high: float, expected: list[float]
) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_ticks_of_people_are_never_half_a_person() -> None:
    assert ticks(0, 2, least=1) == [0, 1, 2]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1140, 1380, [1140, 1200, 1260, 1320, 1380]),
        (1140, 1170, [1140, 1150, 1160, 1170]),
        (1141, 1144, [1141]),
        (0, 4 * 1440, [0, 1440, 2880, 4320, 5760]),
        (0, 40 * 1440, [8 * 1440 * n for n in range(6)]),
    ],
)
def test_hours_fall_on_the_clock(low: float, high: float, expected: list[float]) -> None:
    assert clock_ticks(low, high) == pytest.approx(expected)


@given(st.floats(-1e100, 1e100, allow_nan=False), st.floats(-1e100, 1e100, allow_nan=False))
def test_ticks_are_few_and_rising_for_any_range(low: float, high: float) -> None:
    for marks in (ticks(low, high), clock_ticks(low, high)):
        assert 1 <= len(marks) <= 12
        assert all(math.isfinite(mark) for mark in marks)
        assert all(one < two for one, two in pairwise(marks))
    marks = ticks(low, high)
    slack = (marks[-1] - marks[0]) * 1e-6
    assert marks[0] <= min(low, high) + slack
    assert marks[-1] >= max(low, high) - slack


def test_exact_counts_become_stairs() -> None:
    points = [Point(0, 1), Point(5, 3), Point(9, None), Point(12, 4)]

    assert stepped(points) == [
        Point(0, 1),
        Point(5, 1),
        Point(5, 3),
        Point(9, None),
        Point(12, 4),
    ]


@pytest.mark.parametrize(("value", "text"), [(56.0, "56"), (0.25, "0.25"), (56, "56")])
def test_a_plain_number_has_no_needless_zero(value: float, text: str) -> None:
    assert plain(value) == text


# What is said


@PALETTES
def test_texts_are_escaped(palette: Palette) -> None:
    evil = '<script>alert("1")</script>&\x00\x08\ud800'
    words = Words(evil, evil, (evil,), str, lambda _: evil, evil)
    charts = [
        arrival_curve([Point(0, 1)], words, palette),
        bars([Row(evil, (1, None))], words, palette),
        stacked([Part(evil, 1)], words, palette),
        funnel([Step(evil, 1, evil)], words, palette),
        interval(Span(0, 1, 2), (-1, 3), "rise", words, palette),
        glass(0.5, words, palette),
        spark([1, 2], words, palette),
    ]

    for chart in charts:
        root = parsed(chart)
        assert root[0].text == root[1].text == '<script>alert("1")</script>&'
        assert "<script" not in chart.svg
        assert chart.__html__() == chart.svg


@pytest.mark.parametrize("colour", ["red", "#abc", '#12345"', "#1234567", ""])
def test_a_printed_colour_is_written_in_full(colour: str) -> None:
    with pytest.raises(ValueError, match="soft must be written"):
        Palette.print("#9b3519", "#e9c7b8", "#20241b", colour, "#d9d7ce")


def test_a_page_paints_by_class_and_print_by_colour() -> None:
    rows = [Row("4 Sept", (31, 13))]
    page, printed = bars(rows, WORDS, PAGE), bars(rows, WORDS, PRINT)

    assert "#" not in page.svg
    assert 'class="c-1"' in page.svg
    assert "class=" not in printed.svg
    assert "currentColor" not in printed.svg
    assert page.rows == printed.rows


def test_a_printed_shade_is_the_accent_thinned_with_white() -> None:
    palette = Palette.print("#000000", "#eeeeee", "#000000", "#555555", "#dddddd")

    assert palette.ink("c-2") == 'fill="#575757"'
    assert palette.ink("c-3") == 'fill="#999999"'


# The curve


def test_a_missing_value_breaks_the_line_and_is_not_zero() -> None:
    points = [Point(0, 4), Point(30, 6), Point(60, None), Point(90, 8), Point(120, 2)]

    chart = arrival_curve(points, WORDS, PAGE)

    assert paths(chart, "c-line") == [
        "M0.00 50.00L25.00 25.00M75.00 0.00L100.00 75.00",
    ]
    assert paths(chart, "c-area")[0].count("z") == 2
    assert paths(chart, "c-dot") == ["M75.00 0.00h.001"]
    assert chart.rows[2] == ("60", "—")
    assert chart.columns == ("Time", "People")


def test_a_value_alone_between_gaps_is_seen() -> None:
    chart = arrival_curve([Point(0, None), Point(60, 1), Point(90, None)], WORDS, PAGE)

    assert paths(chart, "c-line") == ["M66.67 0.00h.001"]


def test_the_usual_evening_and_the_places_are_drawn_to_the_same_scale() -> None:
    points, usual = [Point(0, 0), Point(60, 20)], [Point(30, 10), Point(60, 40)]

    chart = arrival_curve(points, WORDS, PAGE, usual, 80)

    assert paths(chart, "c-line") == ["M0.00 100.00L100.00 75.00"]
    assert paths(chart, "c-usual") == ["M50.00 87.50L100.00 50.00"]
    assert paths(chart, "c-cap") == ["M0.00 0.00L100.00 0.00"]
    assert chart.rows == (("0", "0", "—"), ("30", "—", "10"), ("60", "20", "40"))


def test_points_are_read_in_the_order_of_time() -> None:
    points = [Point(60, 4), Point(0, 0), Point(math.nan, 9)]

    chart = arrival_curve(points, WORDS, PAGE)

    assert paths(chart, "c-line") == ["M0.00 100.00L100.00 0.00"]
    assert chart.rows == (("0", "0"), ("60", "4"))


@PALETTES
def test_no_arrivals_draw_no_line_and_no_hours(palette: Palette) -> None:
    chart = arrival_curve([], WORDS, palette)

    assert shapes(chart, "path") == []
    assert written(chart) == ["0", "1"]
    assert chart.rows == ()


def test_a_room_below_zero_still_stands_on_zero() -> None:
    chart = arrival_curve([Point(0, -4), Point(60, 4)], WORDS, PAGE)

    bases = [line for line in shapes(chart, "line") if line.get("class") == "c-base"]
    assert [line.get("y1") for line in bases] == ["95.00"]
    assert paths(chart, "c-area") == ["M0.00 100.00L100.00 0.00L100.00 50.00L0.00 50.00z"]


# Bars, parts and steps


def test_bars_stand_on_each_other_and_say_their_total() -> None:
    chart = bars([Row("4 Sept", (30, 10)), Row("2 Oct", (20, 0))], WORDS, PAGE)

    boxes = [(box.get("class"), box.get("height")) for box in shapes(chart, "rect")]
    assert boxes == [("c-1", "117.00"), ("c-4", "38.00"), ("c-1", "78.00")]
    assert {"40", "20", "4 Sept", "2 Oct"} <= set(written(chart))
    assert chart.rows == (("4 Sept", "30", "10"), ("2 Oct", "20", "0"))


def test_a_bar_of_which_a_part_is_missing_has_no_total() -> None:
    words = Words("t", "d", missing="not measured")
    chart = bars([Row("a", (None, 10)), Row("b", ()), Row("c", (None,))], words, PAGE)

    assert written(chart).count("10") == 1  # the top of the scale, and no total
    assert chart.rows[0] == ("a", "not measured", "10")
    assert len(shapes(chart, "rect")) == 1


def test_many_bars_keep_only_the_names_that_fit() -> None:
    rows = [Row(f"{n:02d} Sept", (100 + n,)) for n in range(24)]

    shown = written(bars(rows, WORDS, PAGE))

    assert [name for name in shown if "Sept" in name] == [
        f"{n:02d} Sept" for n in (0, 5, 10, 15, 20)
    ]
    assert "100" in shown
    assert "101" not in shown


@PALETTES
def test_no_meetup_is_an_empty_scale(palette: Palette) -> None:
    chart = bars([], WORDS, palette)

    assert shapes(chart, "rect") == []
    assert chart.rows == ()


def test_parts_share_the_whole_width() -> None:
    parts = [Part("a", 5), Part("b", 0), Part("c", None), Part("d", 3, 6), Part("e", 2, 7)]

    chart = stacked(parts, WORDS, PAGE)

    boxes = [(b.get("class"), b.get("x"), b.get("width")) for b in shapes(chart, "rect")]
    assert boxes == [
        ("c-1", "0.00%", "50.00%"),
        ("c-6", "50.00%", "30.00%"),
        ("c-7", "80.30%", "19.40%"),
    ]
    assert chart.rows[2] == ("c", "—")


def test_a_negative_part_takes_nothing_from_the_others() -> None:
    chart = stacked([Part("a", 5), Part("b", -3), Part("c", 5)], WORDS, PAGE)

    assert [box.get("width") for box in shapes(chart, "rect")] == ["50.00%", "50.00%"]
    assert chart.rows[1] == ("b", "-3")


def test_a_long_list_of_parts_begins_again_with_the_first_shade() -> None:
    chart = stacked([Part(str(n), 1) for n in range(6)], WORDS, PAGE)

    shades = [box.get("class") for box in shapes(chart, "rect")]
    assert shades == ["c-1", "c-2", "c-3", "c-4", "c-6", "c-1"]


@PALETTES
@pytest.mark.parametrize("parts", [[], [Part("a", 0)], [Part("a", None)]])
def test_a_whole_of_nothing_is_a_dashed_box(palette: Palette, parts: list[Part]) -> None:
    (box,) = shapes(stacked(parts, WORDS, palette), "rect")

    assert box.get("stroke-dasharray")


def test_steps_share_one_scale() -> None:
    steps = [
        Step("Invited", 400),
        Step("Read", 100, "25 %", is_estimated=True),
        Step("Came", 0),
        Step("Active", None, "not yet"),
    ]

    chart = funnel(steps, WORDS, PAGE)

    boxes = [(box.get("class"), box.get("width")) for box in shapes(chart, "rect")]
    assert boxes == [
        ("c-5", "100.00%"),
        ("c-1", "100.00%"),
        ("c-5", "100.00%"),
        ("c-3", "25.00%"),
        ("c-5", "100.00%"),
        ("c-7", "99.40%"),
    ]
    assert chart.rows[-1] == ("Active", "—", "not yet")
    assert "—" in written(chart)


# The effect


def test_the_band_lies_where_the_interval_is() -> None:
    chart = interval(Span(-0.9, 1.3, 3.5), (-4, 6), "unsure", WORDS, PAGE)

    (band,) = shapes(chart, "rect")
    (point,) = shapes(chart, "circle")
    assert (band.get("x"), band.get("width")) == ("32.52%", "40.48%")
    assert point.get("cx") == "52.76%"
    assert parsed(chart).get("data-says") == "unsure"
    assert chart.rows == (("-0.9", "1.3", "3.5"),)


def test_no_conclusion_prints_a_hollow_point() -> None:
    unsure = interval(Span(-1, 1, 3), (-4, 6), "unsure", WORDS, PRINT)
    rise = interval(Span(1, 2, 3), (-4, 6), "rise", WORDS, PRINT)

    assert shapes(unsure, "circle")[0].get("fill") == "#ffffff"
    assert shapes(rise, "circle")[0].get("fill") == "#9b3519"


@pytest.mark.parametrize("span", [Span(None, 1, 3), Span(-1, 1, None), Span(1, None, 2)])
def test_half_an_interval_is_no_band(span: Span) -> None:
    chart = interval(span, (-4, 6), "unsure", WORDS, PAGE)

    assert shapes(chart, "rect") == []
    assert len(shapes(chart, "circle")) == (span.point is not None)
    assert "—" in chart.rows[0]


@pytest.mark.parametrize(
    "span",
    [
        Span(0.3, 0.9, 1.5),
        Span(-1.5, -0.9, -0.3),
        Span(2.0, 2.01, 2.02),
        Span(-3.02, -3.01, -3.0),
        Span(-0.01, 0.0, 0.01),
        Span(0.0, 0.1, 0.2),
    ],
)
def test_the_values_of_an_interval_never_cover_each_other(span: Span) -> None:
    texts = shapes(interval(span, (-4, 6), "rise", WORDS, PAGE), "text")
    low, high = (float(t.attrib["x"].rstrip("%")) for t in texts if t.get("y") == "65.00")
    zero = 4 + 92 * 0.4

    assert high - low >= 11.99
    assert abs(low - zero) >= 5.99
    assert abs(high - zero) >= 5.99


def test_an_effect_beyond_the_bounds_widens_them() -> None:
    chart = interval(Span(-9, 0, 12), (-4, 6), "unsure", WORDS, PAGE)

    assert {"-9", "12"} <= set(written(chart))
    assert "-4" not in written(chart)


# The glass and the spark


@pytest.mark.parametrize(
    ("level", "top"),
    [(0.05, 54.46), (0.2, 46.84), (0.25, 44.3), (0.5, 31.6), (1.0, 6.2), (3.0, 6.2)],
)
def test_the_level_is_as_high_as_the_room_is_full(level: float, top: float) -> None:
    (poured,) = paths(glass(level, WORDS, PAGE), "liquid")

    numbers = [float(number) for number in NUMBER.findall(poured.split("L")[0])]
    assert numbers[1] == pytest.approx(top, abs=0.01)
    assert poured.endswith("z")


def test_a_glass_is_empty_at_zero_and_dashed_when_nobody_measured() -> None:
    empty, unknown = glass(0, WORDS, PAGE), glass(None, WORDS, PAGE)

    assert paths(empty, "liquid") == paths(unknown, "liquid") == []
    assert "dasharray" not in empty.svg
    assert "dasharray" in unknown.svg
    assert (empty.rows, unknown.rows) == ((("0",),), (("—",),))


def test_a_glass_warns_from_nine_tenths() -> None:
    assert parsed(glass(0.89, WORDS, PAGE)).get("data-level") is None
    assert parsed(glass(0.9, WORDS, PAGE)).get("data-level") == "high"
    assert parsed(glass(0.9, WORDS, PRINT)).get("data-level") is None


def test_the_mark_stands_at_nine_tenths_of_the_glass() -> None:
    marks = [
        line.get("y1")
        for line in shapes(glass(0, WORDS, PAGE, mark90=True), "line")
        if line.get("class") == "mark90"
    ]

    assert marks == ["11.28"]
    assert shapes(glass(0, WORDS, PAGE), "line") == []


def test_a_spark_ends_at_the_last_value_it_knows() -> None:
    chart = spark([3, None, 6, None], WORDS, PAGE)

    assert paths(chart, "c-line") == ["M0.00 50.00h.001M66.67 0.00h.001"]
    assert paths(chart, "c-dot") == ["M66.67 0.00h.001"]
    assert chart.rows == (("0", "3"), ("1", "—"), ("2", "6"), ("3", "—"))


# Anything at all


ANY_VALUE = (
    st.none()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.integers(0, 60)
    | st.sampled_from([0.0, -0.0, 5e-324, 1.7e308, -1.7e308])
)
ANY_NUMBER = st.floats() | st.integers(0, 1440).map(float)
ANY_TEXT = st.text(max_size=8)
ANY_PALETTE = st.sampled_from([PAGE, PRINT])


def lists_of(one: st.SearchStrategy[object]) -> st.SearchStrategy[list[object]]:
    """Draw short lists."""
    return st.lists(one, max_size=6)


ANY_CHART: dict[str, tuple[Callable[..., Chart], list[st.SearchStrategy[object]]]] = {
    "curve": (
        lambda words, palette, points, usual, cap: arrival_curve(
            points, words, palette, usual, cap
        ),
        [
            lists_of(st.builds(Point, ANY_NUMBER, ANY_VALUE)),
            st.none() | lists_of(st.builds(Point, ANY_NUMBER, ANY_VALUE)),
            ANY_VALUE,
        ],
    ),
    "bars": (
        lambda words, palette, rows: bars(rows, words, palette),
        [lists_of(st.builds(Row, ANY_TEXT, lists_of(ANY_VALUE).map(tuple)))],
    ),
    "stacked": (
        lambda words, palette, parts: stacked(parts, words, palette),
        [lists_of(st.builds(Part, ANY_TEXT, ANY_VALUE, st.integers(0, 7)))],
    ),
    "funnel": (
        lambda words, palette, steps: funnel(steps, words, palette),
        [lists_of(st.builds(Step, ANY_TEXT, ANY_VALUE, ANY_TEXT, st.booleans()))],
    ),
    "interval": (
        lambda words, palette, span, bounds: interval(
            span, bounds, "unsure", words, palette
        ),
        [
            st.builds(Span, ANY_VALUE, ANY_VALUE, ANY_VALUE),
            st.tuples(ANY_NUMBER, ANY_NUMBER),
        ],
    ),
    "glass": (
        lambda words, palette, level, mark: glass(level, words, palette, mark90=mark),
        [ANY_VALUE, st.booleans()],
    ),
    "spark": (
        lambda words, palette, values: spark(values, words, palette),
        [lists_of(ANY_VALUE)],
    ),
}


@pytest.mark.parametrize("name", ANY_CHART)
@given(data=st.data(), palette=ANY_PALETTE, text=ANY_TEXT)
def test_any_figures_make_a_well_formed_drawing(
    name: str, data: st.DataObject, palette: Palette, text: str
) -> None:
    draw, strategies = ANY_CHART[name]
    figures = [data.draw(strategy) for strategy in strategies]

    chart = draw(Words(text, text), palette, *figures)

    parsed(chart)
    assert not any(cell in {"nan", "inf", "-inf"} for row in chart.rows for cell in row[1:])


@PALETTES
@given(values=st.lists(st.floats(0, 1e9) | st.integers(0, 500), max_size=20))
def test_a_rising_curve_rises_and_stays_in_its_frame(
    palette: Palette, values: list[float]
) -> None:
    points = [Point(1140 + 5 * n, value) for n, value in enumerate(sorted(values))]
    wide, high = (100.0, 100.0) if palette.is_page else (320.0, 204.0)

    chart = arrival_curve(points, WORDS, palette)

    for path in shapes(chart, "path"):
        commands = path.attrib["d"].replace("h.001", "")
        numbers = [float(number) for number in NUMBER.findall(commands)]
        across, down = numbers[::2], numbers[1::2]
        assert all(0 <= x <= wide for x in across)
        assert all(0 <= y <= high for y in down)
        if path.get("fill") == "none" or path.get("class") == "c-line":
            assert across == sorted(across)
            assert down == sorted(down, reverse=True)
