// Forms: a busy button that cannot be pressed twice, filters that apply themselves,
// a code that leaves when it is complete, a file that says its name.

import { word } from "./words.js";

const PAUSE = 350;

function busy(event) {
  const form = event.target;
  if (event.defaultPrevented || form.method === "dialog") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  if ("download" in form.dataset) return; // the page stays, and may ask again
  form.dataset.sent = "yes";
  const button = event.submitter ?? form.querySelector("button[type=submit]");
  button?.setAttribute("aria-busy", "true");
}

function rest() {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
  }
}

let waiting;

function apply(event) {
  const form = event.target.form;
  if (!form?.matches("[data-autosubmit]")) return;
  clearTimeout(waiting);
  const typing = event.type === "input";
  if (typing && event.target.type !== "search") return;
  waiting = setTimeout(() => form.requestSubmit(), typing ? PAUSE : 0);
}

function completeCode({ target }) {
  if (!target.matches?.("input[data-code]")) return;
  const digits = target.value.replace(/\D/g, "");
  if (digits !== target.value) target.value = digits;
  if (digits.length === target.maxLength) target.form.requestSubmit();
}

function nameFile(input) {
  const said = input.closest(".drop")?.querySelector(".drop-said");
  if (!said) return;
  said.dataset.empty ??= said.textContent;
  const names = Array.from(input.files, (file) => file.name);
  said.textContent = names.join(", ") || said.dataset.empty;
  input.closest(".drop").toggleAttribute("data-full", names.length > 0);
}

function receiveDrop(event) {
  const drop = event.target.closest?.(".drop");
  if (!drop) return;
  event.preventDefault();
  drop.toggleAttribute("data-over", event.type === "dragover");
  if (event.type !== "drop") return;
  const input = drop.querySelector("input[type=file]");
  input.files = event.dataTransfer.files;
  nameFile(input);
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
  const label = button.querySelector("[data-label]") ?? button;
  label.dataset.before ??= label.textContent;
  label.textContent = word("copied");
  setTimeout(() => (label.textContent = label.dataset.before), 2000);
}

export function watchForms(root) {
  // In the bubbling phase, so that a confirmation may hold the form back first.
  window.addEventListener("submit", busy);
  window.addEventListener("pageshow", rest);
  root.addEventListener("htmx:finally:request", rest);
  root.addEventListener("change", apply);
  root.addEventListener("input", apply);
  root.addEventListener("input", completeCode);
  for (const kind of ["dragover", "dragleave", "drop"]) {
    root.addEventListener(kind, receiveDrop);
  }
  root.addEventListener("change", ({ target }) => {
    if (target.matches?.(".drop input[type=file]")) nameFile(target);
  });
  root.addEventListener("click", ({ target }) => {
    const button = target.closest?.("[data-copy]");
    if (button) copy(button);
  });
}
