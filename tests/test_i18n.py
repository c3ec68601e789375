"""Languages: complete French, no leak between requests, dates as people write them."""

import asyncio
import re
import zoneinfo
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from server import i18n
from server.i18n import LANGUAGES, gettext, language, lazy, ngettext, use

PARIS = "Europe/Paris"
NOVEMBER = datetime(2026, 11, 5, 18, 30, tzinfo=UTC)
JULY = datetime(2026, 7, 1, 17, 0, tzinfo=UTC)

PLANTED_FRENCH = """
msgid "Good"
msgstr "Bon"

#, fuzzy
msgid "Doubtful"
msgstr "Peut-être"

msgid "Empty"
msgstr ""

msgid "Hello %(name)s"
msgstr "Bonjour %(prenom)s"

msgid "%(num)s seat"
msgid_plural "%(num)s seats"
msgstr[0] "%(num)s place"
msgstr[1] ""

msgid "Only one"
msgstr "Un seul"

msgid "50%% off %(price)s"
msgstr "50 % sur %(price)s"
"""

PLANTED_CODE = """
from server.i18n import gettext as _, lazy, ngettext
_("Good"); lazy("Doubtful"); _("Empty"); _("Hello %(name)s", name=1)
ngettext("%(num)s seat", "%(num)s seats", 2); _("Absent from code")
ngettext("Only one", "Only many", 2); _("50%% off %(price)s", price=1)
"""

PLANTED_TEMPLATE = """
{% trans %}
  Absent from
  template
{% endtrans %}
<p>{{ _("Good") }}</p>
"""


@pytest.fixture
def planted(tmp_path):
    """A small house whose French has one of each fault."""
    write(tmp_path / "server/room.py", PLANTED_CODE)
    write(tmp_path / "templates/page.html", PLANTED_TEMPLATE)
    write(tmp_path / "locale/fr/one.po", PLANTED_FRENCH)
    return tmp_path


@pytest.fixture
def words(tmp_path, monkeypatch):
    """A French of three sentences, in two files, instead of ours."""
    write(
        tmp_path / "fr/one.po",
        'msgid "Welcome"\nmsgstr "Bienvenue"\n\n'
        'msgid "%(num)s seat"\nmsgid_plural "%(num)s seats"\n'
        'msgstr[0] "%(num)s place"\nmsgstr[1] "%(num)s places"\n',
    )
    write(
        tmp_path / "fr/two.po",
        'msgid "Hello %(name)s"\nmsgstr "Bonjour %(name)s"\n\n'
        '#, fuzzy\nmsgid "Sure"\nmsgstr "Certain"\n',
    )
    monkeypatch.setattr(i18n, "LOCALE", tmp_path)
    i18n._translations.cache_clear()
    yield
    i18n._translations.cache_clear()


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


# Completeness


def test_every_sentence_of_the_house_is_translated_into_french():
    assert i18n.missing("fr") == []


def test_a_missing_doubtful_empty_or_broken_sentence_is_found(planted):
    left = i18n.missing("fr", planted, planted / "locale")
    faults = {}
    for line in left:
        _place, msgid, fault = re.fullmatch(r"(\S+): '(.*?)' is (.*)", line).groups()
        faults[msgid] = fault.split(":")[0]
    assert faults == {
        "Doubtful": "doubtful (fuzzy)",
        "Empty": "empty",
        "Hello %(name)s": "broken",
        "%(num)s seat": "empty",
        "Absent from code": "not translated",
        "Absent from template": "not translated",
        "Only one": "not translated",
        "50%% off %(price)s": "broken",
    }


def test_code_and_templates_are_really_read(planted):
    assert i18n.messages_in_code(planted)["Good"] == "server/room.py:3"
    assert "There is nothing here." in i18n.messages_in_code()


def test_no_sentence_is_translated_in_two_ways():
    assert i18n.clashes("fr") == []


def test_a_sentence_translated_in_two_ways_is_found(planted):
    write(planted / "locale/fr/two.po", 'msgid "Good"\nmsgstr "Bien"\n')
    assert i18n.clashes("fr", planted / "locale") == ["'Good' in one.po and two.po"]


def test_french_keeps_its_typography():
    faults = [
        f"{path.name}: {text!r} {fault}"
        for path, message in i18n._entries("fr", i18n.LOCALE)
        for text in i18n._forms(message)
        if (fault := typographic_fault(text))
    ]
    assert faults == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("L'apéro", "straight apostrophe"),
        ("Quand ?", "plain space before punctuation"),
        ("Quand?", "no space before punctuation"),
        ("« Oui »", "plain space inside quotation marks"),
        ("Bravo !", "exclamation mark"),
        ("1\u202f000", "narrow space"),
        ("L’apéro\xa0: quand\xa0? «\xa0Ici\xa0» à 19:30, https://a.fr &amp; plus", ""),
    ],
)
def test_a_typographic_fault_is_found(text, fault):
    assert typographic_fault(text) == fault


def typographic_fault(text: str) -> str:
    rules = {
        "straight apostrophe": r"\w'\w",
        "narrow space": "\u202f",
        "exclamation mark": r"!(?!=)",
        "plain space before punctuation": r" [:;?](?:\s|$)",
        "no space before punctuation": r"[^\xa0\s][:;?](?:\s|$)",
        "plain space inside quotation marks": r"« | »|«[^\xa0]|[^\xa0]»",
    }
    plain = re.sub(r"<[^>]*>|&\w+;", "", text)
    return next((name for name, rule in rules.items() if re.search(rule, plain)), "")


# Sentences


@pytest.mark.usefixtures("words")
def test_a_sentence_is_in_the_language_of_the_reader():
    assert gettext("Welcome") == "Welcome"
    with use("fr"):
        assert gettext("Welcome") == "Bienvenue"
        assert gettext("Hello %(name)s", name="Chloé") == "Bonjour Chloé"
        assert gettext("Sure") == "Sure", "a doubtful translation is not shown"
        assert gettext("") == ""
    assert language.get() == "en"


@pytest.mark.usefixtures("words")
def test_french_counts_zero_as_singular_and_english_as_plural():
    def seats():
        return [ngettext("%(num)s seat", "%(num)s seats", n) for n in (0, 1, 2, 1200)]

    assert seats() == ["0 seats", "1 seat", "2 seats", "1,200 seats"]
    with use("fr"):
        assert seats() == ["0 place", "1 place", "2 places", "1\xa0200 places"]


@pytest.mark.usefixtures("words")
def test_a_lazy_sentence_waits_for_its_reader():
    message = lazy("Hello %(name)s")
    with use("fr"):
        assert message % {"name": "Dov"} == "Bonjour Dov"
        assert f"{lazy('Welcome')}" == "Bienvenue"
        assert msgspec.json.decode(
            msgspec.json.encode({"title": lazy("Welcome")}, enc_hook=str)
        ) == {"title": "Bienvenue"}
    assert str(message) == "Hello %(name)s"
    assert message == lazy("Hello %(name)s")
    assert message != lazy("Welcome")
    assert len({message, lazy("Hello %(name)s")}) == 1
    assert repr(message) == "lazy('Hello %(name)s')"


@pytest.mark.usefixtures("words")
async def test_two_hundred_interleaved_readers_keep_their_language():
    async def read(lang):
        seen = set()
        with use(lang):
            for _turn in range(5):
                await asyncio.sleep(0)
                seen.add(gettext("Welcome") + i18n.hour(NOVEMBER, PARIS))
        return seen

    readers = [LANGUAGES[n % 2] for n in range(200)]
    answers = await asyncio.gather(*map(read, readers))
    expected = {"fr": {"Bienvenue19\xa0h\xa030"}, "en": {"Welcome7:30\xa0pm"}}
    assert answers == [expected[lang] for lang in readers]


def test_an_unknown_language_is_refused():
    with pytest.raises(ValueError, match="'de' is not one of our languages"), use("de"):
        pass


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "en"),
        ("", "en"),
        ("fr", "fr"),
        ("FR-ca", "fr"),
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("de,en;q=0.3,fr;q=0.4", "fr"),
        ("en;q=0.5,fr;q=0", "en"),
        ("fr;q=0", "en"),
        ("*", "en"),
        ("fr;q=many", "en"),
        ("fr; q = 0.2", "fr"),
        (";;;,=,\x00", "en"),
        ("x," * 100_000 + "fr", "en"),
    ],
)
def test_the_browser_is_asked_for_its_language(header, expected):
    assert i18n.preferred(header) == expected


def test_only_an_offered_language_is_chosen():
    assert i18n.preferred("en,fr;q=0.1", ("fr",)) == "fr"
    assert i18n.preferred("de", ("fr",)) == "fr"


# Dates and figures


def test_dates_read_as_in_french():
    with use("fr"):
        assert i18n.long_date(NOVEMBER, PARIS) == "jeudi 5 novembre 2026"
        assert i18n.short_date(NOVEMBER, PARIS) == "5 nov. 2026"
        assert i18n.long_date(date(2026, 11, 1)) == "dimanche 1er novembre 2026"
        assert i18n.hour(NOVEMBER, PARIS) == "19\xa0h\xa030"
        assert i18n.hour(JULY, PARIS) == "19\xa0h"


def test_dates_read_as_in_english():
    assert i18n.long_date(NOVEMBER, PARIS) == "Thursday, November 5, 2026"
    assert i18n.short_date(date(2026, 11, 1)) == "Nov 1, 2026"
    assert i18n.hour(NOVEMBER, PARIS) == "7:30\xa0pm"
    assert i18n.hour(JULY, PARIS) == "7\xa0pm"
    assert i18n.hour(NOVEMBER, "Asia/Kolkata") == "12\xa0am"


def test_a_day_is_the_day_of_the_place():
    late = datetime(2026, 11, 5, 23, 30, tzinfo=UTC)
    assert i18n.short_date(late, PARIS) == "Nov 6, 2026"
    assert i18n.short_date(late, "America/New_York") == "Nov 5, 2026"


@pytest.mark.parametrize(
    ("when", "tz"), [(NOVEMBER, None), (NOVEMBER.replace(tzinfo=None), PARIS)]
)
def test_a_moment_without_its_zone_is_refused(when, tz):
    with pytest.raises(ValueError, match="needs its time zone"):
        i18n.long_date(when, tz)


def test_an_evening_that_ends_after_midnight_is_one_evening():
    ends = NOVEMBER + timedelta(hours=6)
    assert (
        i18n.span(NOVEMBER, ends, PARIS)
        == "Thursday, November 5, 2026, 7:30\xa0pm to 1:30\xa0am"
    )
    with use("fr"):
        assert (
            i18n.span(NOVEMBER, ends, PARIS)
            == "jeudi 5 novembre 2026, de 19\xa0h\xa030 à 1\xa0h\xa030"
        )


def test_a_meetup_of_two_days_names_both():
    with use("fr"):
        assert i18n.span(NOVEMBER, NOVEMBER + timedelta(hours=16), PARIS) == (
            "du jeudi 5 novembre 2026, 19\xa0h\xa030,"
            " au vendredi 6 novembre 2026, 11\xa0h\xa030"
        )


def test_figures_read_as_in_french():
    with use("fr"):
        assert i18n.number(1234567.8) == "1\xa0234\xa0567,8"
        assert i18n.number(Decimal(3), digits=2) == "3,00"
        assert i18n.percent(0.42) == "42\xa0%"
        assert i18n.percent(0.1234, digits=1) == "12,3\xa0%"
        assert i18n.money(123450, "EUR") == "1\xa0234,50\xa0€"
        assert i18n.money(-1250, "EUR") == "-12,50\xa0€"


def test_figures_read_as_in_english():
    assert i18n.number(1234567.8) == "1,234,567.8"
    assert i18n.percent(0.42) == "42%"
    assert i18n.money(1250, "EUR") == "€12.50"
    assert i18n.money(1234, "JPY") == "¥1,234", "the yen has no cents"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_space_is_one_our_fonts_lack(lang):
    with use(lang):
        shown = [
            *(i18n.hour(NOVEMBER, PARIS), i18n.long_date(NOVEMBER, PARIS)),
            *(i18n.number(10**9), i18n.percent(12.5), i18n.money(10**9, "USD")),
        ]
    assert not re.search("[\u202f\u2009]", "".join(shown))


def test_time_zones_come_from_the_package_alone():
    assert zoneinfo.TZPATH == ()
    assert i18n.zone(PARIS).utcoffset(JULY) == timedelta(hours=2)
    with pytest.raises(zoneinfo.ZoneInfoNotFoundError):
        i18n.zone("Europe/Nowhere")
