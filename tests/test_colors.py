"""Colours: whatever a workspace chooses can be read in its letters and documents."""

import itertools

from server.colors import brand, contrast


def test_every_brand_colour_makes_readable_letters():
    worst = 21.0
    for channels in itertools.product(range(0, 256, 17), repeat=3):
        made = brand("#{:02x}{:02x}{:02x}".format(*channels))
        worst = min(
            worst,
            contrast(made.fill, made.on_fill),
            contrast(made.accent, "#fcfbf9"),
            contrast(made.accent, "#f2f1ec"),
            contrast(made.accent, made.tint),
        )
    assert worst >= 4.5


def test_a_colour_that_is_readable_already_is_kept():
    assert brand("#1d3a8a").fill == "#1d3a8a"
    assert brand("#000000").fill == "#000000"
    assert brand("#ffffff").fill == "#ffffff"
    assert brand("#ffffff").on_fill != "#ffffff"


def test_contrast_is_that_of_the_guidelines():
    assert round(contrast("#000000", "#ffffff"), 2) == 21
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54
    assert contrast("#123456", "#123456") == 1
