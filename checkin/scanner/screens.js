/**
 * Screens: one answer at a time, with words that the page holds in its language.
 *
 * Whatever is shown goes back to scanning within two seconds by itself; a finger on the
 * answer holds it.
 */

import * as sound from "./sound.js";

const LINGER = 2000;
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

/** Show an answer; `acts` are the buttons of this one: {icon, label, run}. */
export function show(said, { zone, acts = [] } = {}) {
  const found = $(`say-${said.sentence}`) ?? $(`say-${said.verdict}`) ?? $("say-no_answer");
  screen.replaceChildren(found.content.cloneNode(true));
  const who = screen.querySelector(".who");
  if (said.first_at) {
    const gate = said.first_gate ? `, ${said.first_gate}` : "";
    who.textContent = `${word("since")} ${hour(said.first_at, zone)}${gate}`;
  } else if (said.label) {
    who.textContent = said.label;
  }
  if (said.note) screen.querySelector(".what").textContent = said.note;
  document.body.dataset.verdict = said.tone ?? found.dataset.tone;
  buttons(acts);
  view.hidden = true;
  screen.hidden = false;
  headButtons(true);
  $("said").textContent = `${screen.innerText.replace(/\s+/g, " ")}`;
  sound.play(document.body.dataset.verdict);
  linger();
}

function linger() {
  clearTimeout(timer);
  document.body.style.setProperty("--hold", "running");
  timer = setTimeout(scan, LINGER);
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

function buttons(acts) {
  const find = { icon: "search", label: word("find"), opens: "find" };
  const next = { icon: "qr", label: word("next"), run: scan };
  const most = acts.length > 1 ? [...acts, next] : [...acts, find, next];
  $("answer-tools").replaceChildren(...most.map(button));
  $("answer-tools").hidden = false;
  $("tools").hidden = true;
  // a fresh bar begins to drain again
  const bar = $("next");
  const again = bar.cloneNode();
  again.hidden = false;
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
