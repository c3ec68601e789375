/**
 * The roster: what a phone without a network knows of the tickets, and what it answers.
 *
 * A code that is signed and not in the list was issued after the last download, and is
 * good; one that is in the list has the status it had then. Nine bytes a ticket.
 */

import { bytesOf, hex, isSigned, rosterKey, signed } from "./codes.js";
import { decide } from "./verdict.js";
import * as store from "./store.js";

const STATUS = ["confirmed", "waitlisted", "lost_draw", "cancelled", "confirmed"];
const REPLACED = 4;
const INSIDE = 16;
const BEEN_IN = 32;
const NOBODY = { is_inside: false, first_at: null, first_gate: null, times_in: 0 };

let list = null;
let entries = new Map();

/** Take a roster into use; it is kept for the next start as well. */
export function use(roster) {
  list = roster;
  entries = new Map();
  const blob = bytesOf(roster.blob);
  for (let at = 0; at + 9 <= blob.length; at += 9) {
    entries.set(hex(blob.subarray(at, at + 8)), blob[at + 8]);
  }
}

export const version = () => list?.version;
export const meetup = () => list?.meetup;
export const gate = () => list?.gate;

/** The key under which a scanned text is remembered, or null for what is not signed. */
export async function keyOf(text) {
  const code = signed(text);
  return code ? rosterKey(code.ticket) : null;
}

/** What the phone answers by itself, or null when it cannot know. */
export async function answer(text, kind, now) {
  if (!list) return null;
  const code = signed(text);
  if (!code) return null;
  const key = await rosterKey(code.ticket);
  const ticket = await ticketOf(code, key);
  const presence = await presenceOf(key);
  const said = decide(ticket, kind, { ...list.gate, ...ourRules() }, presence, now);
  return { ...said, key, presence: after(said, presence, kind, now) };
}

const ourRules = () => ({ meetup: list.meetup.id, groups: null, is_full: false });

async function ticketOf(code, key) {
  if (code.number !== list.meetup.number) return ticket({ meetup: null });
  const byte = entries.get(key);
  const genuine = await isSigned(code, list.keys[code.keyId]);
  if (genuine === false || (genuine === null && byte === undefined)) return null;
  if (byte === undefined) return ticket({});
  const status = byte & 15;
  return ticket({ status: STATUS[status], is_replaced: status === REPLACED });
}

const ticket = (known) => ({
  meetup: list.meetup.id,
  status: "confirmed",
  is_paid: true,
  is_replaced: false,
  is_revoked: false,
  group: null,
  has_open_question: false,
  ...known,
});

async function presenceOf(key) {
  const own = await store.seen(key);
  if (own) return own;
  const byte = entries.get(key) ?? 0;
  const been = (byte & BEEN_IN) > 0;
  return { ...NOBODY, is_inside: (byte & INSIDE) > 0, times_in: been ? 1 : 0 };
}

/** Who is inside once this answer was acted upon. */
export function after(said, before, kind, now) {
  const was = before ?? NOBODY;
  if (said.verdict === "enter" && kind === "entry") {
    const first = was.times_in ? {} : { first_at: now, first_gate: list?.gate.name ?? null };
    return { ...was, ...first, is_inside: true, times_in: was.times_in + 1 };
  }
  if (said.verdict === "exited") return { ...was, is_inside: false };
  if (said.verdict === "already_in") {
    return {
      is_inside: true,
      first_at: said.first_at ?? was.first_at,
      first_gate: said.first_gate ?? was.first_gate,
      times_in: Math.max(1, was.times_in),
    };
  }
  return was;
}
