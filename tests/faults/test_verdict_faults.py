"""Planted faults: each breaks the door's rule in one place, and each must be noticed.

Checked against the same golden vectors as the rule itself, plus one evening of facts.
"""

import importlib.util
import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / "checkin" / "verdicts.py"
JAVASCRIPT = ROOT / "checkin" / "scanner" / "verdict.js"

PYTHON_FAULTS = {
    "the closing second still lets in": ("now >= gate.closes_at", "now > gate.closes_at"),
    "the opening second does not": ("now < gate.opens_at", "now <= gate.opens_at"),
    "a ticket of any meetup will do": ("ticket.meetup != gate.meetup", "False"),
    "revoked tickets pass": ("if ticket.is_revoked:", "if False:"),
    "replaced codes pass": ("if ticket.is_replaced:", "if False:"),
    "unpaid tickets pass": ("if not ticket.is_paid:", "if False:"),
    "waitlisted people pass": ("is not Status.CONFIRMED", "is Status.PENDING"),
    "nobody revoked may leave": (
        "if kind is Kind.EXIT and presence.is_inside:",
        "if False:",
    ),
    "a code works twice": (
        "verdict = Verdict.ALREADY_IN if gate.once else Verdict.ENTER",
        "verdict = Verdict.ENTER",
    ),
    "rules come before hours": (
        "_refused_hour(gate, now) or _refused_by_rule(ticket, gate, presence)",
        "_refused_by_rule(ticket, gate, presence) or _refused_hour(gate, now)",
    ),
    "a full room takes one more": ("if gate.is_full:", "if False:"),
    "already in looks like an alarm": (
        "Verdict.ALREADY_IN: Tone.WAIT",
        "Verdict.ALREADY_IN: Tone.STOP",
    ),
    "the order is that of arrival": ("sorted(facts, key=_order)", "list(facts)"),
    "a repeated fact counts twice": (
        "return list(once.values())",
        "return sorted(facts, key=_order)",
    ),
    "an undo is not heard": ("if fact.id in undone or", "if"),
    "a refused entry counts": (
        "return fact.is_overridden or fact.verdict is Verdict.ENTER",
        "return True",
    ),
    "a supervisor does not count": (
        "return fact.is_overridden or fact.verdict is Verdict.ENTER",
        "return fact.verdict is Verdict.ENTER",
    ),
    "the offset is forgotten": ("milliseconds=offset_ms", "milliseconds=0"),
    "the future is believed": (
        "min(at + timedelta(milliseconds=offset_ms), received_at)",
        "at + timedelta(milliseconds=offset_ms)",
    ),
    "two phones are not a clash": ("before.device != fact.device", "False"),
    "an exit does not end a stay": ("last_entry = None\n    return", "pass\n    return"),
}
JAVASCRIPT_FAULTS = {
    "the closing second still lets in": ("moment >= instant", "moment > instant"),
    "the opening second does not": ("moment < instant", "moment <= instant"),
    "times are compared as text": ("Date.parse(text)", "Number(text.slice(11, 13))"),
    "revoked tickets pass": ("if (ticket.is_revoked)", "if (false)"),
    "a code works twice": ('gate.once ? answer("already_in"', 'false ? answer("x"'),
    "groups are not looked at": ("gate.groups !== null", "false"),
    "a tone differs": ('capacity: "wait"', 'capacity: "stop"'),
    "the first time is lost": ("presence ? presence.first_at : null", "null"),
}


def load(path: Path, name: str) -> ModuleType:
    """Import a file under a name of its own."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


SUITE = load(ROOT / "tests" / "checkin" / "test_verdicts.py", "suite_of_verdicts")


def planted(path: Path, fault: tuple[str, str]) -> str:
    """Return the file's text with one fault in it; the place must exist, and once."""
    text = path.read_text("utf-8")
    right, wrong = fault
    assert text.count(right) == 1
    return text.replace(right, wrong)


def disagreements(rule: Any) -> list[str]:
    """Return the golden cases that a version of the rule answers wrongly."""
    wrong = []
    for case in SUITE.VECTORS["cases"]:
        expected = case["answer"]
        now = SUITE.moment(case.get("now", SUITE.VECTORS["usual"]["now"]))
        ticket = SUITE.ticket_of(case)
        answer = rule.decide(
            ticket and translated(rule, ticket),
            rule.Kind(case["kind"]),
            SUITE.gate_of(case),
            SUITE.presence_of(case),
            now,
        )
        shown = (answer.verdict, answer.tone, answer.first_at, answer.sentence)
        first_at = SUITE.moment(expected["first_at"])
        if shown != (
            expected["verdict"],
            expected["tone"],
            first_at,
            expected["sentence"],
        ):
            wrong.append(case["name"])
    return wrong


def translated(rule: Any, ticket: Any) -> Any:
    """Return the ticket with the status of that version of the rule."""
    return SUITE.replace(ticket, status=rule.Status(ticket.status))


def evening(rule: Any) -> tuple[Any, ...]:
    """Add up one evening that has a bit of everything, told in the wrong order."""
    start, hour = SUITE.SEVEN, timedelta(hours=1)

    def fact(name: str, kind: str, minute: int, **more: Any) -> Any:
        at = start + timedelta(minutes=minute)
        usual = {"device": "phone-1", "gate": name, "seq": minute}
        verdict = rule.Verdict("enter" if kind == "entry" else "exited")
        told = {"verdict": verdict, "at": at, "received_at": at + hour, **usual, **more}
        return rule.Fact(id=name, kind=rule.Kind(kind), **told)

    slow = {"offset_ms": 5 * 60_000, "device": "phone-2"}
    facts = [
        fact("f", "entry", 20, device="phone-3"),
        fact("e", "exit", 15),
        fact("d", "entry", 12, device="phone-4"),
        fact("u", "undo", 13, of="d"),
        fact("c", "entry", 9, **slow),
        fact("b", "entry", 8, verdict=rule.Verdict.UNPAID, is_overridden=True),
        fact("a", "entry", 4, **slow),
        fact("n", "entry", 1, verdict=rule.Verdict.UNPAID),
        fact("g", "entry", 90, device="phone-5", received_at=start + hour),
    ]
    state = rule.fold([*facts, *facts])
    clashes = [(clash.first.id, clash.second.id) for clash in state.clashes]
    first = int((state.first_at - start).total_seconds() // 60)
    last = rule.corrected(start + 2 * hour, 0, start)
    return state.is_inside, state.entries, first, state.first_gate, clashes, last


EVENING = (True, 5, 8, "b", [("b", "a"), ("f", "g")], "the start")


def is_right(rule: Any) -> bool:
    """Say whether a version of the rule passes everything we know."""
    expected = (*EVENING[:-1], SUITE.SEVEN)
    return not disagreements(rule) and evening(rule) == expected


def test_the_rule_itself_passes() -> None:
    rule = load(PYTHON, "the_rule")

    assert disagreements(rule) == []
    assert evening(rule) == (*EVENING[:-1], SUITE.SEVEN)


@pytest.mark.parametrize("name", PYTHON_FAULTS)
def test_a_fault_in_python_is_noticed(name: str, tmp_path: Path) -> None:
    faulty = tmp_path / "verdicts.py"
    faulty.write_text(planted(PYTHON, PYTHON_FAULTS[name]), "utf-8")

    assert not is_right(load(faulty, "the_faulty_rule"))


@pytest.mark.parametrize("name", JAVASCRIPT_FAULTS)
def test_a_fault_in_javascript_is_noticed(name: str) -> None:
    source = planted(JAVASCRIPT, JAVASCRIPT_FAULTS[name])

    assert SUITE.run_node(SUITE.as_url(source), SUITE.RUNNER)["wrong"]
