/**
 * The app of the door: pair the phone, look through its camera, answer.
 *
 * Everything that can fail here fails towards scanning: no network, no camera, no sound
 * and no Ed25519 each leave the rest working.
 */

import * as camera from "./camera.js";
import * as door from "./door.js";
import * as line from "./line.js";
import * as panels from "./panels.js";
import * as roster from "./roster.js";
import * as screens from "./screens.js";
import * as sound from "./sound.js";
import * as store from "./store.js";

const EVERY = 5000;
const ROSTER_EVERY = 60_000;
const { word } = screens;
const $ = (id) => document.getElementById(id);
let rosterAt = 0;
let isClosed = false;

async function start() {
  navigator.serviceWorker?.register("/door/sw.js", { scope: "/door" }).catch(() => {});
  wire();
  const code = /^#pair=(.+)$/.exec(location.hash)?.[1];
  if (code) await pair(decodeURIComponent(code));
  const pairing = await store.read("pairing");
  if (!pairing) return unpaired();
  line.use(pairing);
  await useKept();
  if (!(await store.read("pairing"))) return unpaired();
  $("gate-name").textContent = pairing.gate.name;
  navigator.storage?.persist?.().catch(() => {});
  await door.recover();
  look();
  await beat();
  setInterval(beat, EVERY);
}

/** The one-time code leaves the address at once: it is of no use any more. */
async function pair(code) {
  history.replaceState(null, "", location.pathname + location.search);
  try {
    const paired = await line.call("/api/v1/devices/pair", { body: { code } });
    await store.forget();
    await store.write("pairing", paired);
  } catch (error) {
    $("pair-problem").textContent =
      error instanceof line.Refused ? error.message : word("no-network");
    $("pair-problem").hidden = false;
  }
}

async function useKept() {
  const kept = await store.read("roster");
  if (!kept) return;
  if (Date.parse(kept.forget_at) < Date.now()) await store.forget();
  else roster.use(kept);
}

/** Nothing to scan for: the page says how to pair. */
function unpaired() {
  screens.scan();
  $("content").hidden = true;
  $("tools").hidden = true;
  $("unpaired").hidden = false;
}

async function look() {
  try {
    await camera.start($("video"), document.body.dataset.wasm, (text) => {
      if (isClosed || document.querySelector("dialog[open]")) return;
      if (door.isAnswered(text)) return;
      door.scanned(text).then(paint);
    });
    $("torch").hidden = !camera.hasTorch();
  } catch {
    withoutCamera();
  }
}

/** The code is typed instead, from the same place on the screen. */
function withoutCamera() {
  $("hint").textContent = word("no-camera");
  $("frame").toggleAttribute("hidden", true);
  $("video").hidden = true;
  $("turn").hidden = true;
  $("type-code").hidden = false;
}

/** The organiser closed the meetup: nobody comes in any more, what waits still leaves. */
function closed(isNow) {
  if (isNow === isClosed) return;
  isClosed = isNow;
  screens.scan();
  $("content").hidden = isClosed;
  $("tools").hidden = isClosed;
  $("closed").hidden = !isClosed;
}

/** Every few seconds: send what waits, ask how many are inside, keep the list fresh. */
async function beat() {
  try {
    await line.flush();
    const status = await line.call("/api/v1/door/status", { patience: 3000 });
    closed(status.is_closed === true);
    if (Date.now() - rosterAt > ROSTER_EVERY) {
      await line.refresh();
      rosterAt = Date.now();
    }
  } catch (error) {
    if (error instanceof line.Refused && error.status === 401) return withdrawn();
    line.state.isAway = true;
  }
  await paint();
}

/** The phone was withdrawn, or the evening is over: what waits is kept all the same. */
async function withdrawn() {
  await store.forget();
  line.use(null);
  closed(false);
  unpaired();
}

async function paint() {
  const waits = await store.waiting();
  const away = line.state.isAway || !navigator.onLine;
  $("net-icon").toggleAttribute("hidden", !away);
  $("net-word").hidden = !away;
  $("gate-name").hidden = away;
  $("waiting").hidden = waits === 0;
  $("waiting-number").textContent = waits;
  const from = line.state.inside;
  if (from !== null) {
    const range = waits > 0 ? `${from} ${word("to")} ${from + waits}` : `${from}`;
    $("count").textContent = `${range} ${word("inside")}`;
  }
  $("undo").hidden = !door.canUndo();
}

function wire() {
  panels.wire();
  door.afterwards(paint);
  addEventListener("pointerdown", sound.wake, { once: true });
  addEventListener("online", beat);
  addEventListener("offline", paint);
  document.addEventListener("visibilitychange", () => document.hidden || beat());
  $("undo").addEventListener("click", () => door.undo().then(paint));
  $("mode").addEventListener("click", turnMode);
  $("turn").addEventListener("click", () => camera.turn($("video")).catch(() => {}));
  let lit = false;
  $("torch").addEventListener("click", () => {
    lit = !lit;
    $("torch").setAttribute("aria-pressed", String(lit));
    camera.torch(lit).catch(() => {});
  });
}

function turnMode() {
  door.mode.kind = door.mode.kind === "entry" ? "exit" : "entry";
  const isExit = door.mode.kind === "exit";
  $("mode").setAttribute("aria-pressed", String(isExit));
  $("hint").textContent = word(isExit ? "aim-out" : "aim");
}

start();
