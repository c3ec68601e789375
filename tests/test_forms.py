"""Forms: whatever is typed becomes a value or a sentence, never a crash."""

import time
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import forms
from server.errors import Invalid
from server.forms import Email, Form, Line, Prose, Tick, clean, read
from tests import world

NASTY = [
    "\x00",
    "a\x00b",
    "\u202egnp.exe",
    "\ud800",
    "\udcff\udcfe",
    "a" * 100_000,
    "\u0301" * 5_000,
    "<script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "'; DROP TABLE account; --",
    "\r\nBcc: x@x.example",
    "\ufeff\u200b",
    "١٢٣",
    "1e999",
    "-" * 300,
    "9" * 5_000,
]


class Colour(StrEnum):
    RED = "red"


class Everything(Form, kw_only=True):
    line: Line
    prose: Prose | None = None
    email: Email | None = None
    whole: int | None = None
    day: date | None = None
    moment: datetime | None = None
    key: UUID | None = None
    colour: Colour | None = None
    colours: list[Colour] = []
    tick: Tick = Tick(0)
    sure: bool | None = None


def wrong(**typed):
    with pytest.raises(Invalid) as refused:
        read(Everything, {"line": "x"} | typed)
    return set(refused.value.fields)


def test_what_is_typed_well_becomes_values():
    form = read(
        Everything,
        {
            "line": "  Ana \t B. ",
            "prose": "un\r\ndeux",
            "email": " ANA@Orbelune.Example ",
            "whole": " 42 ",
            "day": "2026-11-05",
            "moment": "2026-11-05T19:00",
            "key": "0198f7a2-7c3a-7000-8000-000000000000",
            "colour": "red",
            "colours": "red",
            "tick": "yes",
            "sure": True,
        },
    )
    assert (form.line, form.prose, form.email) == (
        "Ana B.",
        "un\ndeux",
        "ana@orbelune.example",
    )
    assert (form.whole, form.tick, form.sure) == (42, 1, True)
    assert form.colours == [Colour.RED]
    assert (form.day.year, form.moment.hour, form.key.version) == (2026, 19, 7)


def test_what_is_not_asked_is_refused():
    assert wrong(is_admin="1", workspace_id="x") == {"is_admin", "workspace_id"}


def test_every_wrong_field_is_named_at_once():
    assert wrong(
        line="", email="x", whole="x", day="x", key="x", colour="blue", sure="x"
    ) == {
        "line",
        "email",
        "whole",
        "day",
        "key",
        "colour",
        "sure",
    }


@pytest.mark.parametrize(
    "value", ["1.5", "1_000", "١٢", "0x10", 1.5, True, 10**30, "9" * 5000, []]
)
def test_a_whole_number_is_a_whole_number(value):
    if value == []:
        assert read(Everything, {"line": "x", "whole": value}).whole is None
    else:
        assert wrong(whole=value) == {"whole"}


def test_an_answer_given_twice_counts_once():
    form = read(
        Everything, {"line": ["un", "deux"], "tick": ["", "yes"], "colours": ["red", "red"]}
    )
    assert (form.line, form.tick, len(form.colours)) == ("deux", 1, 2)


def test_objects_where_texts_belong_are_refused():
    assert wrong(line={"a": 1}, tick={"a": 1}, colours={"a": 1}, whole={}, prose={}) == {
        "line",
        "tick",
        "colours",
        "whole",
        "prose",
    }


def test_what_cannot_be_seen_is_taken_out():
    assert clean("A\u202en\u200ba\x00\ufeff") == "Ana"
    assert clean("e\u0301") == "é"
    assert clean("\ud800") == "?"


@given(
    st.dictionaries(
        st.sampled_from(
            [field for field in Everything.__struct_fields__ if field != "csrf"]
        ),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
            lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
            max_leaves=5,
        ),
    )
)
def test_nothing_typed_breaks_a_form(typed):
    wrong = {}
    try:
        read(Everything, typed)
    except Invalid as no:
        wrong = no.fields
    assert all(str(sentence) for sentence in wrong.values())


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
async def test_no_text_breaks_a_page(app, cast, text):
    body = text.encode("utf-8", "surrogatepass")
    async with world.browsing(app, cast.ana) as ana:
        for path, fields in (
            ("/account", ("name", "language")),
            ("/new", ("name", "language", "time_zone", "color")),
            ("/w/orbelune/settings", ("name", "color", "persona", "signature", "reply_to")),
            ("/w/orbelune/team", ("email", "role")),
            ("/w/orbelune/tokens", ("name", "role", "scopes")),
            ("/sign-in", ("email", "next")),
            ("/sign-in/password", ("email", "password", "next")),
        ):
            answer = await ana.post(path, data=dict.fromkeys(fields, body))
            assert answer.status_code in {303, 401, 422}, (path, answer.text[-500:])
        assert "<script>alert" not in (await ana.get("/account")).text


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]
)
async def test_ten_megabytes_are_too_many(app, cast, kind):
    async with world.browsing(app, cast.ana) as ana:
        answer = await ana.post(
            "/account", content=b"name=" + b"a" * 10_000_000, headers={"content-type": kind}
        )
    assert answer.status_code in {400, 413}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[]"),
        ("application/json", b"\xff"),
        ("application/json", b"[" * 100_000),
        ("application/json", b'{"name": {"a": [1]}, "language": 3}'),
        ("application/json", b'{"name": NaN}'),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\n"),
        ("multipart/form-data", b"--b\r\n\r\n"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\ncontent-disposition: form-data; name="name"; filename="x"\r\n\r\nx\r\n--b--\r\n',
        ),
        ("application/x-www-form-urlencoded", b"%ff=%zz&&&==&name[]=1"),
        ("application/x-www-form-urlencoded", b"name=a&name=b&language=fr&language=fr"),
        (
            "application/x-www-form-urlencoded",
            b"&".join(b"a%d=1" % number for number in range(5000)),
        ),
        ("text/plain", b"hello"),
        ("", b""),
        ("\xff\xfe", b"x"),
    ],
    ids=range(15),
)
async def test_no_body_breaks_a_page(app, cast, kind, body):
    async with world.browsing(app, cast.ana) as ana:
        headers = {"content-type": kind.encode("latin-1")}
        answer = await ana.post("/account", content=body, headers=headers)
        assert answer.status_code in {303, 400, 413, 415, 422}, answer.text[-500:]
        assert (await ana.get("/account")).status_code == 200


def test_a_long_run_of_marks_costs_no_more_than_a_text():
    marks = "a" + "\u0345\u0316" * 1_000_000
    started = time.process_time()
    assert len(clean(marks)) <= 2 + 30
    with pytest.raises(Invalid):
        read(Everything, {"line": marks, "prose": marks, "email": marks, "whole": marks})
    assert time.process_time() - started < 2


def test_thirty_marks_on_a_letter_are_kept():
    assert len(clean("z" + "\u0316" * 30)) == 31
    assert len(clean("z" + "\u0316" * 31)) == 31


@pytest.mark.parametrize(
    ("typed", "time"),
    [
        ("2", 120),
        ("2h", 120),
        ("2 h", 120),
        ("1:30", 90),
        ("1h30", 90),
        ("90 min", 90),
        ("1,5", 90),
        ("0.25", 15),
    ],
)
def test_hours_are_read_as_people_write_them(typed, time):
    assert forms.minutes(typed) == time


@pytest.mark.parametrize("typed", ["", "1:75", "-2", "h", "99999999", "99999"])
def test_what_is_no_time_is_refused(typed):
    with pytest.raises(Invalid):
        forms.minutes(typed)
