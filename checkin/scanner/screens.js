/**
 * Screens: one answer at a time, with words that the page holds in its language.
 *
 * An answer goes back to scanning within two seconds by itself, and one that leaves
 * something to choose stays until somebody chose; a finger on the answer holds it.
 */

import * as sound from "./sound.js";

export const LINGER = 2000;
export const STAYS = Infinity;
const $ = (id) => document.getElementById(id);
const view = $("content");
const screen = $("answer");

let timer = null;

export const word = (name) => $("words").getAttribute(`data-${name}`) ?? "";

/** « 19 h 42 » or “7:42 pm”, where the meetup is. */
export function hour(moment, zone) {
  const language = document.documentElement.lang;
  const parts = { hour: "numeric", minute: "2-digit", timeZone: zone };
  const text = new Intl.DateTimeFormat(language, parts).format(new Date(moment));
  return language === "fr" ? text.replace(":", "\u00a0h\u00a0") : text;
}

/** Show an answer for `lasts` ms; `acts` are the buttons of this one: {icon, label, run}. */
export function show(said, { zone, acts = [], lasts = LINGER } = {}) {
  const found = $(`say-${said.sentence}`) ?? $(`say-${said.verdict}`) ?? $("say-no_answer");
  screen.replaceChildren(found.content.cloneNode(true));
  if (said.label) screen.querySelector(".who").textContent = said.label;
  if (said.first_at) since(said, zone);
  if (said.note) screen.querySelector(".what").textContent = said.note;
  document.body.dataset.verdict = said.tone ?? found.dataset.tone;
  buttons(acts, lasts);
  view.hidden = true;
  screen.hidden = false;
  headButtons(true);
  $("said").textContent = `${screen.innerText.replace(/\s+/g, " ")}`;
  sound.play(document.body.dataset.verdict);
  linger(lasts);
}

/** Is an answer on the screen? */
export const isAnswering = () => !screen.hidden;

/** When and where the ticket came in first, under the name. */
function since({ first_at, first_gate }, zone) {
  const gate = first_gate ? `, ${first_gate}` : "";
  const who = screen.querySelector(".who");
  const told = document.createElement("span");
  told.className = "since";
  told.textContent = `${word("since")} ${hour(first_at, zone)}${gate}`;
  if (who.textContent) who.append(document.createElement("br"));
  who.append(told);
}

function linger(lasts) {
  clearTimeout(timer);
  if (lasts === STAYS) return;
  document.body.style.setProperty("--hold", "running");
  timer = setTimeout(scan, lasts);
}

/** Keep the answer until somebody goes on. */
export function hold() {
  clearTimeout(timer);
  document.body.style.setProperty("--hold", "paused");
}

/** Back to the camera. */
export function scan() {
  clearTimeout(timer);
  delete document.body.dataset.verdict;
  screen.hidden = true;
  view.hidden = false;
  headButtons(false);
  $("next").hidden = true;
  $("answer-tools").hidden = true;
  $("tools").hidden = false;
}

/** An answer has its own acts; the head keeps where and how many. */
function headButtons(areHidden) {
  for (const one of document.querySelectorAll(".door-bar .icon-button")) {
    one.style.display = areHidden ? "none" : "";
  }
}

function buttons(acts, lasts) {
  const find = { icon: "search", label: word("find"), opens: "find" };
  const next = { icon: "qr", label: word("next"), run: scan };
  const most = acts.length > 1 ? [...acts, next] : [...acts, find, next];
  $("answer-tools").replaceChildren(...most.map(button));
  $("answer-tools").hidden = false;
  $("tools").hidden = true;
  // a fresh bar begins to drain again
  const bar = $("next");
  const again = bar.cloneNode();
  again.hidden = lasts === STAYS;
  again.style.animationDuration = `${lasts === STAYS ? 0 : lasts}ms`;
  bar.replaceWith(again);
}

function button({ icon, label, run, opens }) {
  const made = document.createElement("button");
  made.type = "button";
  made.append(picture(icon), ` ${label}`);
  if (opens) made.dataset.opens = opens;
  made.addEventListener("click", run ?? scan);
  return made;
}

function picture(name) {
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  drawn.setAttribute("class", "icon");
  drawn.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  drawn.append(use);
  return drawn;
}

screen.addEventListener("pointerdown", hold);
