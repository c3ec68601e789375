// htmx, held to our rules: same origin, no evaluation, no script in what arrives.
// The rest of its settings stand in <meta name="htmx-config">, read before this runs.

import htmx from "htmx.org";
import { word } from "./words.js";

const SAFE = new Set(["GET", "HEAD"]);

function refuse() {
  throw new Error("Code in attributes is not run here.");
}

// Our own pages are trusted as markup; a script among them arrives empty, then is removed.
const trusted = { createHTML: (text) => text, createScript: () => "" };

htmx.registerExtension("apero", {
  init(internals) {
    const policy = window.trustedTypes?.createPolicy("apero", trusted) ?? trusted;
    internals.initSecurity(policy, refuse, refuse);
  },
});

document.addEventListener("htmx:config:request", ({ detail }) => {
  const { request } = detail.ctx;
  const csrf = document.querySelector('meta[name="csrf"]');
  const local = new URL(request.action, document.baseURI).origin === location.origin;
  if (csrf && local && !SAFE.has(request.method.toUpperCase())) {
    request.headers[csrf.dataset.header] = csrf.content;
  }
});

document.addEventListener("htmx:before:swap", ({ detail }) => {
  for (const { fragment } of detail.tasks) {
    fragment?.querySelectorAll?.("script").forEach((script) => script.remove());
  }
});

document.addEventListener("htmx:after:swap", () => {
  document.querySelector('main [aria-invalid="true"]')?.focus();
});

document.addEventListener("htmx:error", () => {
  const place = document.querySelector("#said");
  if (place) place.textContent = word("lost");
});
