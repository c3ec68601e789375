/** Panels: find somebody by name, type a code, let in somebody without a ticket. */

import * as door from "./door.js";
import * as line from "./line.js";
import { word } from "./screens.js";

const $ = (id) => document.getElementById(id);
const CODE = /^[0-9A-Za-z]{4}[\s-]?[0-9A-Za-z]{4}$/;

/** Let the buttons open their panels. */
export function wire() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) open(opener.dataset.opens);
  });
  for (const button of document.querySelectorAll("[data-closes]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
  $("find-form").addEventListener("submit", find);
  $("walk-in-form").addEventListener("submit", walkIn);
}

function open(id) {
  const panel = $(id);
  panel.querySelector("form").reset();
  $("found").replaceChildren();
  panel.showModal();
}

async function find(event) {
  event.preventDefault();
  const text = $("find-text").value.trim();
  if (CODE.test(text) && /\d/.test(text)) return use(text);
  if (text.length < 2) return say(word("two-letters"));
  say(word("searching"));
  try {
    const query = encodeURIComponent(text);
    const found = await line.call(`/api/v1/door/search?q=${query}`, { patience: 4000 });
    if (found.items.length === 0 && CODE.test(text)) return use(text);
    list(found.items);
  } catch {
    say(word("search-offline"));
  }
}

function use(ticket) {
  $("find").close();
  door.scanned(ticket);
}

function say(text) {
  const line_ = document.createElement("p");
  line_.textContent = text;
  $("found").replaceChildren(line_);
}

function list(items) {
  if (items.length === 0) return say(word("nobody"));
  $("found").replaceChildren(...items.map((item) => choice(item)));
}

/** A name first, a yes second: the door answers about nobody by a slip of the finger. */
function choice(item) {
  const state = item.is_inside ? word("inside-already") : word(`status-${item.status}`);
  return button(`${item.label} · ${state}`, () => {
    say(`${item.label} · ${state}`);
    const yes = button(word("that-is-her"), () => use(item.handle));
    yes.classList.add("first");
    const back = button(word("back"), () => $("found").replaceChildren());
    $("found").append(yes, back);
    yes.focus();
  });
}

function button(text, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "button wide";
  made.textContent = text;
  made.addEventListener("click", run);
  return made;
}

async function walkIn(event) {
  event.preventDefault();
  const name = $("walk-in-name").value.trim();
  if (!name) return;
  $("walk-in").close();
  await door.walkIn(name);
}
