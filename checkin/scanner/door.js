/**
 * One code at the door: write it down, ask, and answer whatever happens.
 *
 * The fact is on the disk before it is asked. When nobody answers within a second and a
 * half the phone decides by itself if it can, and the fact waits to be told.
 */

import * as line from "./line.js";
import * as roster from "./roster.js";
import * as screens from "./screens.js";
import * as store from "./store.js";

const LONGER = 8000;
const BOOT = crypto.randomUUID();
let seq = 0;
let undecided = null;
let last = null;
let busy = false;
let answeredFor = null;
let counted = () => {};

export const mode = { kind: "entry" };
export const canUndo = () => last !== null;

/** Is the answer to this very code on the screen? Held before the camera, it is no news. */
export const isAnswered = (text) => text === answeredFor && screens.isAnswering();

/** What runs once an answer is on the screen: the head of the page follows it. */
export function afterwards(run) {
  counted = run;
}

/** A key that sorts by the moment it was made (RFC 9562, section 5.7). */
export function uuid7() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const view = new DataView(bytes.buffer);
  const moment = BigInt(Date.now());
  view.setUint16(0, Number(moment >> 32n));
  view.setUint32(2, Number(moment & 0xffffffffn));
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const text = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return text.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

const fact = (kind, known) => ({
  id: uuid7(),
  kind,
  at: new Date().toISOString(),
  seq: seq++,
  boot_id: BOOT,
  offset_ms: line.offsetMs(),
  ...known,
});

/** Answer a code; the same code after silence is the same fact asked again. */
export async function scanned(ticket, known = {}) {
  if (busy) return;
  busy = true;
  answeredFor = null;
  try {
    await settleUndecided(ticket);
    const asked = undecided ?? fact(mode.kind, { ticket, ...known });
    await pass(asked);
  } catch (error) {
    screens.show({ verdict: "no_answer", tone: "wait", note: refusal(error) });
  } finally {
    busy = false;
  }
}

const refusal = (error) =>
  error instanceof line.Refused && error.status === 401 ? screens.word("unpaired") : "";

/** A question left open is closed as it stands once somebody else is asked about. */
async function settleUndecided(ticket) {
  if (!undecided || undecided.ticket === ticket) return;
  const { is_asking, ...told } = undecided;
  undecided = null;
  await store.keep({ ...told, local_verdict: "unknown" });
}

async function pass(asked) {
  await store.keep({ ...asked, is_asking: true });
  const result = await line.ask(asked).catch(async (error) => {
    if (error.status !== 401) await store.acknowledged([asked.id]); // never storable
    throw error;
  });
  undecided = null;
  if (result) await answered(asked, result);
  else await alone(asked);
}

async function answered(asked, result) {
  const key = await roster.keyOf(asked.ticket);
  if (key && result.verdict) {
    const before = await store.seen(key);
    const presence = roster.after(result, before, asked.kind, line.now());
    await store.decided(null, key, presence);
  }
  await store.acknowledged([asked.id]);
  if (result.problem) {
    screens.show({ verdict: "no_answer", tone: "wait", note: result.problem.title });
    return;
  }
  shown(asked, result);
}

async function alone(asked) {
  const said = await roster.answer(asked.ticket, asked.kind, line.now());
  if (!said && !asked.override_reason) {
    undecided = asked;
    const open = { acts: openActs(asked), lasts: screens.STAYS };
    screens.show({ verdict: "no_answer", tone: "wait" }, open);
    return;
  }
  const { key, presence, ...answer } = overruled(asked, said);
  await store.decided({ ...asked, local_verdict: answer.verdict }, key, presence);
  shown(asked, answer);
}

/** A person let somebody pass: that is what happened. */
function overruled(asked, said) {
  if (!asked.override_reason) return said;
  const answer = { verdict: asked.kind === "exit" ? "exited" : "enter", tone: "enter" };
  const presence = roster.after(answer, said?.presence, asked.kind, line.now());
  return { ...answer, key: said?.key, presence };
}

function shown(asked, answer) {
  const moved = answer.verdict === "enter" || answer.verdict === "exited";
  if (moved) last = asked;
  answeredFor = asked.ticket ?? null;
  const zone = roster.meetup()?.time_zone;
  const acts = moved ? undoActs() : letInActs(asked, answer);
  screens.show(answer, { zone, acts, lasts: lasting(answer, acts) });
  counted();
}

/** What somebody has to choose stays; a ticket that is inside is seldom worth the wait. */
function lasting({ verdict, tone }, acts) {
  if (verdict === "already_in") return LONGER;
  return tone === "wait" && acts.length > 0 ? screens.STAYS : screens.LINGER;
}

const undoActs = () => [{ icon: "undo", label: screens.word("undo"), run: undo }];

function letInActs(asked, answer) {
  if (answer.verdict === "unknown") {
    return [{ icon: "plus", label: screens.word("no-ticket"), opens: "walk-in" }];
  }
  if (answer.tone !== "wait" || asked.kind !== "entry") return [];
  return [{ icon: "check", label: screens.word("let-in"), run: () => letIn(asked) }];
}

const openActs = (asked) => [
  { icon: "check", label: screens.word("let-in"), run: () => letIn(asked) },
  { icon: "swap", label: screens.word("retry"), run: () => again(asked) },
];

/** Once more, with patience for an answer: it is the same fact. */
function again(asked) {
  line.state.isAway = false;
  return scanned(asked.ticket);
}

const letIn = (asked) =>
  scanned(asked.ticket, { override_reason: screens.word("override") });

/** Take the last one back, wherever it was decided. */
export async function undo() {
  if (!last) return;
  const taken = fact("undo", { of: last.id });
  const key = await roster.keyOf(last.ticket ?? "");
  const before = key && (await store.seen(key));
  const presence = before && { ...before, is_inside: last.kind === "exit" };
  last = null;
  answeredFor = null;
  await store.decided(taken, key, presence ?? undefined);
  await line.flush().catch(() => false);
  screens.show({ verdict: "undone", tone: "wait" });
}

/** Somebody without a ticket: her place is asked for now, or kept until it can be. */
export async function walkIn(name, override_reason = "") {
  const made = { id: uuid7(), name, at: new Date().toISOString() };
  answeredFor = null;
  await store.keep({ ...made, is_asking: true });
  try {
    const body = { ...made, override_reason };
    const result = await line.call("/api/v1/door/walk-ins", { body, patience: 3000 });
    await store.acknowledged([made.id]);
    if (line.state.inside !== null) line.state.inside += 1;
    shown({ ...made, kind: "entry" }, result);
  } catch (error) {
    if (error instanceof line.Refused) {
      await store.acknowledged([made.id]);
      const isFull = error.status === 409;
      const acts = isFull && !override_reason ? oneMoreActs(name) : [];
      const note = isFull ? `${error.message} ${screens.word("more-places")}` : error.message;
      const verdict = isFull ? "capacity" : "no_answer";
      const lasts = isFull ? screens.STAYS : screens.LINGER;
      screens.show({ verdict, note }, { acts, lasts });
      return;
    }
    line.state.isAway = true;
    await store.keep(made);
    shown({ ...made, kind: "entry" }, { verdict: "enter", tone: "enter", label: name });
  }
}

/** The room is full on paper: whoever stands at the door may still decide. */
const oneMoreActs = (name) => [
  {
    icon: "check",
    label: screens.word("let-in"),
    run: () => walkIn(name, screens.word("override")),
  },
];

/** After a start: what was being asked when the phone stopped is told as it stands. */
export async function recover() {
  for (const { is_asking, ...told } of await store.outbox()) {
    if (is_asking) await store.keep(told.name ? told : { ...told, local_verdict: "unknown" });
  }
}
