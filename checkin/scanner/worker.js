/**
 * The worker keeps the shell of the app, so that the door opens without a network.
 *
 * Built files carry their hash and never change; the page is asked for anew when there
 * is somebody to ask. Answers of the server are never kept here.
 */

const SHELL = [
  "site.css",
  "scanner.js",
  "zxing_reader.wasm",
  "inter-latin-opsz-normal.woff2",
  "inter-latin-ext-opsz-normal.woff2",
  "favicon.svg",
  "icon-192.png",
  "apple-touch-icon.png",
].map((name) => APERO_ASSETS[name]);
const PAGE = "/door";
const CACHE = `door ${SHELL.join(" ")}`;
const PATIENCE = 3000;

self.addEventListener("install", (event) => {
  event.waitUntil(fill().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(empty().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  if (url.pathname === PAGE) event.respondWith(freshPage(event.request));
  else if (url.pathname.startsWith("/static/")) event.respondWith(kept(event.request));
});

async function fill() {
  const cache = await caches.open(CACHE);
  await cache.addAll(SHELL);
  await cache.add(PAGE);
}

async function empty() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith("door ") && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}

async function kept(request) {
  return (await caches.match(request)) ?? fetch(request);
}

async function freshPage(request) {
  const cache = await caches.open(CACHE);
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(PATIENCE) });
    if (answer.ok) await cache.put(PAGE, answer.clone());
    return answer;
  } catch {
    return (await cache.match(PAGE)) ?? Response.error();
  }
}
