// Dialogs that confirm, menus and definitions that close, a button that prints.

function ask(event) {
  const form = event.target;
  const id = event.submitter?.dataset.confirm ?? form.dataset.confirm;
  const dialog = id && document.getElementById(id);
  if (!dialog || form.dataset.confirmed) {
    delete form.dataset.confirmed;
    return;
  }
  event.preventDefault();
  event.stopPropagation();
  dialog.returnValue = "";
  const submitter = event.submitter;
  const answered = () => {
    if (dialog.returnValue !== "yes") return;
    form.dataset.confirmed = "yes";
    form.requestSubmit(submitter);
  };
  dialog.addEventListener("close", answered, { once: true });
  dialog.showModal();
}

const FOLDED = "details.menu[open], details.definition[open]";

function fold(except) {
  for (const open of document.querySelectorAll(FOLDED)) {
    if (!open.contains(except)) open.open = false;
  }
}

function press({ target }) {
  fold(target);
  const opener = target.closest?.("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens)?.showModal();
  if (target.closest?.("[data-closes]")) target.closest("dialog")?.close();
  if (target.matches?.("dialog")) target.close(); // the veil around the sheet
  if (target.closest?.("[data-print]")) window.print();
}

function escape(event) {
  if (event.key !== "Escape") return;
  const open = document.activeElement?.closest(FOLDED) ?? document.querySelector(FOLDED);
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
}

// Where one is stays in view, without a movement of the page.
function showCurrent() {
  for (const here of document.querySelectorAll(".tabs [aria-current], .filters.scroll [aria-current]")) {
    const row = here.parentElement;
    const aside = here.getBoundingClientRect().left - row.getBoundingClientRect().left;
    row.scrollLeft += aside - (row.clientWidth - here.offsetWidth) / 2;
  }
}

export function watchGestures(root) {
  showCurrent();
  // Capturing, so that htmx does not send what has not been confirmed.
  root.addEventListener("submit", ask, { capture: true });
  root.addEventListener("click", press);
  root.addEventListener("keydown", escape);
}
