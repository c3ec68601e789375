/**
 * The line to the server: questions with a short patience, and facts sent later.
 *
 * No cookie goes along: the phone is known by its token alone.
 */

import * as store from "./store.js";
import * as roster from "./roster.js";

const PATIENCE = 1500;
const UNHURRIED = 10_000;
const BATCH = 200;

let pairing = null;
let offset = 0;
let sending = null;

export const state = { isAway: false, inside: null };

export function use(paired) {
  pairing = paired;
  offset = paired?.offset_ms ?? 0;
}

export const offsetMs = () => Math.round(offset);
export const now = () => new Date(Date.now() + offset).toISOString();

/** One request; throws `Refused` for a no, and anything else when nobody answered. */
export async function call(path, { body, patience = UNHURRIED, headers = {} } = {}) {
  const sent = Date.now();
  const answer = await fetch(path, {
    method: body ? "POST" : "GET",
    body: body && JSON.stringify(body),
    credentials: "omit",
    cache: "no-store",
    signal: AbortSignal.timeout(patience),
    headers: {
      accept: "application/json",
      ...(body && { "content-type": "application/json" }),
      ...(pairing && { authorization: `Bearer ${pairing.token}` }),
      ...headers,
    },
  });
  if (answer.status === 304) return null;
  if (!answer.ok) throw await refused(answer);
  const found = await answer.json();
  if (found.now) offset = Date.parse(found.now) - (sent + Date.now()) / 2;
  if (Number.isInteger(found.inside)) state.inside = found.inside;
  state.isAway = false;
  return found;
}

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.title ?? String(status));
    this.status = status;
    this.code = problem.code ?? "";
  }
}

async function refused(answer) {
  if (answer.status >= 500 || answer.status === 429) {
    return new Error(`no answer: ${answer.status}`);
  }
  return new Refused(answer.status, await answer.json().catch(() => ({})));
}

/**
 * Ask about one fact; null when nobody answered in time.
 *
 * What waits is told first: the server must not decide without what happened before.
 */
export async function ask(fact) {
  if (!navigator.onLine || state.isAway) return null;
  if (!(await inTime(flush()))) return null;
  try {
    const body = { mode: "ask", facts: [plain(fact)] };
    const found = await call("/api/v1/door/facts", { body, patience: PATIENCE });
    return found.results[0];
  } catch (error) {
    if (error instanceof Refused) throw error;
    state.isAway = true;
    return null;
  }
}

/** The outcome if it comes before the patience ends, otherwise null. */
function inTime(outcome) {
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE, null));
  return Promise.race([outcome, late]);
}

/** Send what waits, oldest first, once at a time; true when nothing is left. */
export function flush() {
  sending ??= send().finally(() => {
    sending = null;
  });
  return sending;
}

async function send() {
  if (!pairing) return false;
  try {
    for (;;) {
      const all = (await store.outbox()).filter((fact) => !fact.is_asking);
      if (all.length === 0) return true;
      const walkIns = all.filter((fact) => fact.name);
      for (const one of walkIns) await sendWalkIn(one);
      const facts = all.filter((fact) => !fact.name).slice(0, BATCH);
      if (facts.length > 0) {
        const body = { mode: "tell", facts: facts.map(plain) };
        const found = await call("/api/v1/door/facts", { body });
        await store.acknowledged(found.results.map((result) => result.id));
      }
    }
  } catch (error) {
    state.isAway = !(error instanceof Refused);
    if (error instanceof Refused && error.status === 401) throw error;
    return false;
  }
}

async function sendWalkIn({ id, name, at }) {
  const body = { id, name, at, override_reason: "let in without a network" };
  try {
    await call("/api/v1/door/walk-ins", { body });
  } catch (error) {
    if (!(error instanceof Refused) || error.status === 401) throw error;
  }
  await store.acknowledged([id]);
}

/** What the server is told of a fact: what only this phone needs stays here. */
function plain({ is_asking, name, ...fact }) {
  return fact;
}

/** Fetch the roster if it changed. */
export async function refresh() {
  const known = roster.version();
  const headers = known ? { "if-none-match": `"${known}"` } : {};
  const found = await call("/api/v1/door/roster", { headers });
  if (!found) return;
  roster.use(found);
  await store.write("roster", found);
}
