/**
 * Verdicts: what the door answers to one ticket, without asking anybody.
 *
 * This is `decide` of `checkin/verdicts.py`, written a second time for a phone that
 * has no network. The two are held together by `tests/vectors/verdicts.json`; change
 * neither alone. Fields keep their snake_case names so that both read the same JSON.
 */

export const TONES = Object.freeze({
  enter: "enter",
  exited: "enter",
  already_in: "wait",
  not_in: "wait",
  not_confirmed: "wait",
  unpaid: "wait",
  too_early: "wait",
  needs_answer: "wait",
  capacity: "wait",
  cancelled: "stop",
  wrong_meetup: "stop",
  too_late: "stop",
  replaced: "stop",
  revoked: "stop",
  unknown: "stop",
  rules: "stop",
});

const RULE_TONES = Object.freeze({ other_gate: "wait", no_reentry: "stop" });

/**
 * Answer one entry or exit; the first reason that holds is the one given.
 *
 * Whoever is inside may always leave, whatever became of her ticket meanwhile: the
 * head-count has to be true. Hours and rules bind entries only.
 */
export function decide(ticket, kind, gate, presence, now) {
  if (kind !== "entry" && kind !== "exit") {
    throw new RangeError(`the door decides entries and exits, not ${kind}`);
  }
  if (ticket === null || ticket === undefined) return answer("unknown");
  if (ticket.meetup !== gate.meetup) return answer("wrong_meetup");
  if (kind === "exit" && presence.is_inside) return answer("exited");
  const refused = refusedTicket(ticket);
  if (refused) return refused;
  if (kind === "exit") return answer("not_in");
  return (
    refusedHour(gate, now) ??
    refusedByRule(ticket, gate, presence) ??
    admission(ticket, gate, presence)
  );
}

/** Revoked comes before replaced: "look for the newer one" would be poor advice. */
function refusedTicket(ticket) {
  if (ticket.is_revoked) return answer("revoked");
  if (ticket.is_replaced) return answer("replaced");
  if (ticket.status === "cancelled") return answer("cancelled");
  if (ticket.status !== "confirmed") {
    return answer("not_confirmed", null, ticket.status);
  }
  if (!ticket.is_paid) return answer("unpaid");
  return null;
}

/** The opening second is inside, the closing one is not. */
function refusedHour(gate, now) {
  const moment = instant(now);
  if (gate.opens_at !== null && moment < instant(gate.opens_at)) {
    return answer("too_early");
  }
  if (gate.closes_at !== null && moment >= instant(gate.closes_at)) {
    return answer("too_late");
  }
  return null;
}

function refusedByRule(ticket, gate, presence) {
  if (gate.groups !== null && !gate.groups.includes(ticket.group)) {
    return answer("rules", null, "other_gate");
  }
  const isBack = presence.times_in > 0 && !presence.is_inside;
  if (gate.once && isBack && !gate.may_reenter) {
    return answer("rules", presence, "no_reentry");
  }
  return null;
}

/** A valid ticket at an open gate: only the room itself can still say no. */
function admission(ticket, gate, presence) {
  if (presence.is_inside) {
    // Whoever is inside takes no new place and has answered already.
    return gate.once ? answer("already_in", presence) : answer("enter");
  }
  if (gate.is_full) return answer("capacity");
  if (ticket.has_open_question) return answer("needs_answer");
  return answer("enter");
}

/** A rule brings its own tone, an earlier entry its time. */
function answer(verdict, presence = null, sentence = null) {
  return {
    verdict,
    tone: RULE_TONES[sentence] ?? TONES[verdict],
    first_at: presence ? presence.first_at : null,
    first_gate: presence ? presence.first_gate : null,
    sentence,
  };
}

/** A time that cannot be read would compare as false and let everyone in. */
function instant(text) {
  const moment = Date.parse(text);
  if (Number.isNaN(moment)) throw new RangeError(`not a time: ${text}`);
  return moment;
}
