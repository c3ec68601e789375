"""The door's rule: golden vectors in two languages, and a fold no order can change."""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from checkin.verdicts import (
    RULE_TONES,
    TONES,
    Answer,
    Clash,
    Fact,
    Gate,
    Kind,
    Presence,
    Sentence,
    State,
    Status,
    Ticket,
    Tone,
    Verdict,
    corrected,
    decide,
    fold,
)

HERE = Path(__file__).parent
VECTORS = json.loads((HERE.parent / "vectors" / "verdicts.json").read_text("utf-8"))
SCRIPT = HERE.parents[1] / "checkin" / "scanner" / "verdict.js"
SEVEN = datetime(2026, 3, 5, 19, 0, tzinfo=UTC)

# Runs the vectors against the module at a URL; a browser test may evaluate it as well.
RUNNER = """async ([url, vectors]) => {
  const { decide } = await import(url);
  const { usual, cases } = vectors;
  const wrong = [];
  for (const one of cases) {
    const ticket = one.ticket === null ? null : { ...usual.ticket, ...one.ticket };
    const given = decide(ticket, one.kind, { ...usual.gate, ...one.gate },
      { ...usual.presence, ...one.presence }, one.now ?? usual.now);
    const keys = new Set([...Object.keys(given), ...Object.keys(one.answer)]);
    if ([...keys].some((key) => given[key] !== one.answer[key])) {
      wrong.push(`${one.name}: ${JSON.stringify(given)}`);
    }
  }
  return { wrong, ran: cases.length };
}"""


def moment(text: str | None) -> datetime | None:
    """Read a time of the vectors."""
    return None if text is None else datetime.fromisoformat(text)


def ticket_of(case: dict[str, Any]) -> Ticket | None:
    """Build the ticket of one case; a null one is unknown."""
    if "ticket" in case and case["ticket"] is None:
        return None
    fields = {**VECTORS["usual"]["ticket"], **case.get("ticket", {})}
    return Ticket(**{**fields, "status": Status(fields["status"])})


def gate_of(case: dict[str, Any]) -> Gate:
    """Build the gate of one case."""
    fields = {**VECTORS["usual"]["gate"], **case.get("gate", {})}
    fields |= {name: moment(fields[name]) for name in ("opens_at", "closes_at")}
    if fields["groups"] is not None:
        fields["groups"] = frozenset(fields["groups"])
    return Gate(**fields)


def presence_of(case: dict[str, Any]) -> Presence:
    """Build what is already known of one case."""
    fields = {**VECTORS["usual"]["presence"], **case.get("presence", {})}
    return Presence(**{**fields, "first_at": moment(fields["first_at"])})


def run_node(url: str, body: str) -> Any:
    """Run a script in Node and return the JSON it prints."""
    node = shutil.which("node") or bundled_node()
    source = f"({body})({json.dumps([url, VECTORS])})"
    source += ".then((x) => console.log(JSON.stringify(x)))"
    done = subprocess.run(
        [node, "--input-type=module", "-"],
        input=source,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def bundled_node() -> str:
    """Return the Node that comes with the browser driver."""
    from playwright._impl._driver import compute_driver_executable

    return str(compute_driver_executable()[0])


def as_url(source: str) -> str:
    """Return a module as an address any engine can import."""
    return f"data:text/javascript;base64,{base64.b64encode(source.encode()).decode()}"


# The decision


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_python_answers_as_the_vectors_say(case: dict[str, Any]) -> None:
    now = moment(case.get("now", VECTORS["usual"]["now"]))
    assert now is not None
    expected = case["answer"]

    given_ = decide(
        ticket_of(case), Kind(case["kind"]), gate_of(case), presence_of(case), now
    )

    assert given_ == Answer(
        verdict=Verdict(expected["verdict"]),
        tone=Tone(expected["tone"]),
        first_at=moment(expected["first_at"]),
        first_gate=expected["first_gate"],
        sentence=expected["sentence"] and Sentence(expected["sentence"]),
    )


def test_javascript_answers_as_the_vectors_say() -> None:
    result = run_node(as_url(SCRIPT.read_text("utf-8")), RUNNER)

    assert result == {"wrong": [], "ran": len(VECTORS["cases"])}


def test_both_languages_give_every_verdict_the_same_tone() -> None:
    body = "async ([url]) => (await import(url)).TONES"

    assert run_node(as_url(SCRIPT.read_text("utf-8")), body) == dict(TONES)


def test_javascript_refuses_what_it_cannot_decide() -> None:
    body = """async ([url, { usual }]) => {
      const { decide } = await import(url);
      const said = (change) => {
        const { ticket, kind, gate, presence, now } =
          { ...usual, kind: "entry", ...change };
        try { return decide(ticket, kind, gate, presence, now).verdict; }
        catch (error) { return error.name; }
      };
      return [said({ kind: "undo" }), said({ kind: "redeem" }), said({ now: "soon" }),
        said({ gate: { ...usual.gate, opens_at: "later" } }),
        said({ ticket: undefined })];
    }"""

    assert run_node(as_url(SCRIPT.read_text("utf-8")), body) == [
        "RangeError",
        "RangeError",
        "RangeError",
        "RangeError",
        "unknown",
    ]


def test_the_vectors_cover_every_verdict_tone_and_sentence() -> None:
    answers = [case["answer"] for case in VECTORS["cases"]]

    assert len({case["name"] for case in VECTORS["cases"]}) == len(answers)
    assert {answer["verdict"] for answer in answers} == set(Verdict)
    assert {answer["tone"] for answer in answers} == set(Tone)
    assert {answer["sentence"] for answer in answers} == {None, *Sentence}
    assert set(TONES) == set(Verdict)
    assert set(RULE_TONES) < set(Sentence)


@pytest.mark.parametrize("kind", [Kind.UNDO, Kind.REDEEM])
def test_an_undo_or_a_redemption_is_no_question_for_the_door(kind: Kind) -> None:
    with pytest.raises(ValueError, match="entries and exits"):
        decide(Ticket("m"), kind, Gate("m"), Presence(), SEVEN)


# The clock


@pytest.mark.parametrize(
    ("seconds", "offset_ms", "expected"),
    [
        (0, 0, 0),
        (-90, 0, -90),
        (-90, 30_000, -60),
        (-90, -30_000, -120),
        (5, 0, 0),
        (-1, 1_000, 0),
        (-1, 1_001, 0),
    ],
)
def test_nothing_happens_after_we_heard_of_it(
    seconds: int, offset_ms: int, expected: int
) -> None:
    at = SEVEN + timedelta(seconds=seconds)

    assert corrected(at, offset_ms, SEVEN) == SEVEN + timedelta(seconds=expected)


@pytest.mark.parametrize(
    ("at", "offset_ms"),
    [
        (datetime.max.replace(tzinfo=UTC), 1_000),
        (datetime.min.replace(tzinfo=UTC), -1_000),
        (SEVEN, 10**30),
    ],
)
def test_an_impossible_clock_counts_as_no_clock(at: datetime, offset_ms: int) -> None:
    assert corrected(at, offset_ms, SEVEN) == SEVEN


# The sum of the facts


def a_fact(
    name: str,
    kind: Kind = Kind.ENTRY,
    *,
    minute: float = 0,
    device: str = "phone-1",
    of: str | None = None,
    verdict: Verdict | None = None,
    is_overridden: bool = False,
    gate: str = "Cour",
) -> Fact:
    """Build one fact; an entry enters and an exit leaves unless told otherwise."""
    usual = {Kind.ENTRY: Verdict.ENTER, Kind.EXIT: Verdict.EXITED}.get(kind)
    at = SEVEN + timedelta(minutes=minute)
    return Fact(
        id=name,
        kind=kind,
        at=at,
        received_at=at + timedelta(hours=1),
        device=device,
        seq=int(minute),
        gate=gate,
        verdict=verdict or usual,
        is_overridden=is_overridden,
        of=of,
    )


def test_no_fact_is_nobody() -> None:
    assert fold([]) == State()
    assert fold([]).presence == Presence()


def test_in_out_and_in_again() -> None:
    facts = [
        a_fact("a", minute=1, gate="Cour"),
        a_fact("b", Kind.EXIT, minute=5),
        a_fact("c", minute=9, gate="Rue", device="phone-2"),
    ]

    state = fold(facts)

    assert state == State(
        is_inside=True,
        entries=2,
        first_at=SEVEN + timedelta(minutes=1),
        first_gate="Cour",
        last_exit_at=SEVEN + timedelta(minutes=5),
    )
    first = SEVEN + timedelta(minutes=1)
    assert state.presence == Presence(
        is_inside=True, first_at=first, first_gate="Cour", times_in=2
    )


def test_two_phones_without_a_network_make_a_clash() -> None:
    one = a_fact("a", minute=1, device="phone-1")
    two = a_fact("b", minute=4, device="phone-2")

    state = fold([two, one])

    assert state.clashes == (Clash(one, two),)
    assert state.entries == 2


def test_the_same_phone_twice_is_no_clash() -> None:
    assert fold([a_fact("a"), a_fact("b", minute=4)]).clashes == ()


def test_an_exit_between_two_phones_settles_it() -> None:
    facts = [
        a_fact("a", minute=1, device="phone-1"),
        a_fact("b", Kind.EXIT, minute=2, device="phone-3"),
        a_fact("c", minute=4, device="phone-2"),
    ]

    assert fold(facts).clashes == ()


def test_three_phones_make_two_clashes() -> None:
    facts = [a_fact(name, minute=n, device=name) for n, name in enumerate("abc")]

    pairs = [(clash.first.id, clash.second.id) for clash in fold(facts).clashes]

    assert pairs == [("a", "b"), ("b", "c")]


@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not Verdict.ENTER])
def test_a_refused_entry_lets_nobody_in_unless_somebody_insists(
    verdict: Verdict,
) -> None:
    assert not fold([a_fact("a", verdict=verdict)]).is_inside
    assert fold([a_fact("a", verdict=verdict, is_overridden=True)]).is_inside


def test_a_refused_exit_lets_nobody_out_unless_somebody_insists() -> None:
    entry = a_fact("a")
    refused = a_fact("b", Kind.EXIT, minute=3, verdict=Verdict.UNKNOWN)

    assert fold([entry, refused]).is_inside
    assert not fold([entry, replace(refused, is_overridden=True)]).is_inside


def test_a_redemption_moves_nobody() -> None:
    state = fold([a_fact("a", Kind.REDEEM, verdict=Verdict.ENTER)])

    assert state == State()


def test_undoing_the_only_entry_leaves_her_outside() -> None:
    facts = [a_fact("a"), a_fact("u", Kind.UNDO, minute=1, of="a")]

    assert fold(facts) == State(undone=frozenset("a"))


def test_undoing_the_first_entry_moves_the_first_time() -> None:
    facts = [
        a_fact("a", minute=1, gate="Cour", device="phone-1"),
        a_fact("b", minute=2, gate="Rue", device="phone-2"),
        a_fact("u", Kind.UNDO, minute=3, of="a"),
    ]

    state = fold(facts)

    assert state.presence == Presence(
        is_inside=True,
        first_at=SEVEN + timedelta(minutes=2),
        first_gate="Rue",
        times_in=1,
    )
    assert state.clashes == ()


def test_undoing_an_exit_brings_her_back_in() -> None:
    facts = [
        a_fact("a"),
        a_fact("b", Kind.EXIT, minute=1),
        a_fact("u", Kind.UNDO, minute=2, of="b"),
    ]

    assert fold(facts).is_inside
    assert fold(facts).last_exit_at is None


def test_undoing_twice_a_stranger_nothing_or_an_undo_changes_nothing() -> None:
    entry, undo = a_fact("a"), a_fact("u", Kind.UNDO, minute=1, of="a")
    once = fold([entry, undo])

    for more in (
        a_fact("v", Kind.UNDO, minute=2, of="a"),
        a_fact("v", Kind.UNDO, minute=2, of="somebody-else"),
        a_fact("v", Kind.UNDO, minute=2),
        a_fact("v", Kind.UNDO, minute=2, of="u"),
    ):
        assert fold([entry, undo, more]) == once


def test_ties_are_broken_by_phone_then_count_then_name() -> None:
    tied = [
        replace(a_fact("z"), device="phone-1", seq=2, gate="third"),
        replace(a_fact("y"), device="phone-1", seq=1, gate="second"),
        replace(a_fact("x"), device="phone-1", seq=1, gate="first"),
        replace(a_fact("w"), device="phone-2", seq=0, gate="fourth"),
    ]

    assert fold(tied).first_gate == "first"
    assert fold(tied[:2]).first_gate == "second"
    assert fold([tied[0], tied[3]]).first_gate == "third"


def test_the_offset_decides_who_was_first() -> None:
    slow = replace(a_fact("a", minute=1, gate="slow"), offset_ms=10 * 60_000)
    right = a_fact("b", minute=5, gate="right", device="phone-2")

    assert fold([slow, right]).first_gate == "right"


NAMES = st.sampled_from([f"f{n}" for n in range(12)])


@st.composite
def some_facts(draw: st.DrawFn) -> list[Fact]:
    """Draw the facts of one registration: any kinds, clocks, verdicts and undos."""
    names = draw(st.lists(NAMES, unique=True, max_size=10))
    return [
        Fact(
            id=name,
            kind=draw(st.sampled_from(Kind)),
            at=SEVEN + timedelta(seconds=draw(st.integers(0, 20))),
            received_at=SEVEN + timedelta(seconds=draw(st.integers(10, 30))),
            device=draw(st.sampled_from(["phone-1", "phone-2", "phone-3"])),
            seq=draw(st.integers(0, 3)),
            gate=draw(st.sampled_from(["Cour", "Rue"])),
            verdict=draw(st.sampled_from([Verdict.ENTER, Verdict.EXITED, Verdict.UNPAID])),
            offset_ms=draw(st.integers(-5_000, 5_000)),
            is_overridden=draw(st.booleans()),
            of=draw(st.none() | NAMES),
        )
        for name in names
    ]


@given(some_facts(), st.data())
def test_order_and_repetition_change_nothing(
    facts: list[Fact], data: st.DataObject
) -> None:
    again = facts + (data.draw(st.lists(st.sampled_from(facts))) if facts else [])
    shuffled = data.draw(st.permutations(again))

    assert fold(shuffled) == fold(facts)


@given(some_facts())
def test_the_sum_is_always_possible(facts: list[Fact]) -> None:
    state = fold(facts)

    assert 0 <= state.entries <= len(facts)
    assert state.entries or not state.is_inside
    assert (state.first_at is None) == (state.entries == 0) == (not state.first_gate)
    assert len(state.clashes) <= max(0, state.entries - 1)
    assert state.undone <= {fact.id for fact in facts}


@given(some_facts())
def test_undoing_everything_empties_the_room(facts: list[Fact]) -> None:
    ids = {fact.id for fact in facts}
    undos = [
        replace(a_fact(f"u-{fact.id}", Kind.UNDO), of=fact.id)
        for fact in facts
        if fact.id in ids
    ]

    assert replace(fold(facts + undos), undone=frozenset()) == State()


@given(some_facts())
def test_the_sum_agrees_with_a_naive_one(facts: list[Fact]) -> None:
    state = fold(facts)

    assert (state.is_inside, state.entries, len(state.clashes)) == naive(facts)


def naive(facts: Iterable[Fact]) -> tuple[bool, int, int]:
    """Replay the evening as a list of moves, the long way round."""
    facts = list(facts)
    moves = []
    for fact in facts:
        if any(u.kind is Kind.UNDO and u.of == fact.id for u in facts):
            continue
        asked = {Kind.ENTRY: Verdict.ENTER, Kind.EXIT: Verdict.EXITED}.get(fact.kind)
        if asked and (fact.verdict == asked or fact.is_overridden):
            heard = fact.received_at
            at = min(fact.at + timedelta(milliseconds=fact.offset_ms), heard)
            moves.append((at, fact.device, fact.seq, fact.id, fact.kind))
    moves.sort()
    kinds = [move[4] for move in moves]
    clashes = sum(
        one[4] is two[4] is Kind.ENTRY and one[1] != two[1] for one, two in pairwise(moves)
    )
    return kinds[-1:] == [Kind.ENTRY], kinds.count(Kind.ENTRY), clashes


class OneEvening(RuleBasedStateMachine):
    """One ticket, one online gate: decide, write the fact, and keep a plain tally."""

    def __init__(self) -> None:
        super().__init__()
        self.facts: list[Fact] = []
        self.is_inside = False
        self.entries = 0
        self.minute = 0

    def _ask(self, kind: Kind) -> Verdict:
        """Ask the door and keep its answer as a fact."""
        self.minute += 1
        now = SEVEN + timedelta(minutes=self.minute)
        presence = fold(self.facts).presence
        answer = decide(Ticket("m"), kind, Gate("m"), presence, now)
        fact = a_fact(f"f{self.minute}", kind, minute=self.minute)
        self.facts.append(replace(fact, verdict=answer.verdict))
        return answer.verdict

    @rule()
    def come(self) -> None:
        """Come to the way in."""
        verdict = self._ask(Kind.ENTRY)
        assert verdict == (Verdict.ALREADY_IN if self.is_inside else Verdict.ENTER)
        self.entries += not self.is_inside
        self.is_inside = True

    @rule()
    def go(self) -> None:
        """Come to the way out."""
        verdict = self._ask(Kind.EXIT)
        assert verdict == (Verdict.EXITED if self.is_inside else Verdict.NOT_IN)
        self.is_inside = False

    @rule()
    def take_back(self) -> None:
        """Undo the last move that counted, as the person at the door would."""
        undone = fold(self.facts).undone
        counted = [
            fact
            for fact in self.facts
            if fact.verdict in {Verdict.ENTER, Verdict.EXITED} and fact.id not in undone
        ]
        if not counted:
            return
        self.minute += 1
        last = counted[-1]
        undo = a_fact(f"f{self.minute}", Kind.UNDO, minute=self.minute, of=last.id)
        self.facts.append(undo)
        self.entries -= last.kind is Kind.ENTRY
        self.is_inside = last.kind is Kind.EXIT

    @invariant()
    def the_sum_is_the_tally(self) -> None:
        """The facts add up to the plain tally, whichever way they are read."""
        state = fold(reversed(self.facts))
        assert (state.is_inside, state.entries) == (self.is_inside, self.entries)
        assert state.clashes == ()


TestOneEvening = OneEvening.TestCase
