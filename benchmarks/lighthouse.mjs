// Lighthouse on public pages, and what a first visit transfers. Not in the suite: it needs a
// running demo, a Chromium and the package, which nobody else needs.
//
//   make demo, then in a folder outside this one:
//   npm install lighthouse@12.8.2
//   NODE_PATH=node_modules CHROME_PATH=/usr/bin/chromium \
//     node /path/to/benchmarks/lighthouse.mjs http://127.0.0.1:8000/m/orbelune …

import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const from = createRequire(path.join(process.cwd(), "here.js"));
const load = (name) => import(pathToFileURL(from.resolve(name)));
const { default: lighthouse } = await load("lighthouse");
const { launch } = await load("chrome-launcher");

const FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic"];
const chrome = await launch({ chromePath: process.env.CHROME_PATH, chromeFlags: FLAGS });
let bad = 0;
try {
  for (const url of process.argv.slice(2)) {
    const { lhr } = await lighthouse(url, { port: chrome.port, logLevel: "error" });
    const scores = Object.values(lhr.categories).map(({ title, score }) => `${title} ${Math.round(score * 100)}`);
    const items = lhr.audits["network-requests"].details?.items ?? [];
    const bytes = items.reduce((sum, { transferSize }) => sum + (transferSize ?? 0), 0);
    console.log(`${url}\n  ${scores.join(", ")}; ${(bytes / 1000).toFixed(1)} kB in ${items.length} requests`);
    for (const { transferSize, url: file } of items) console.log(`    ${transferSize}  ${file.replace(/\?.*/, "")}`);
    for (const { auditRefs } of Object.values(lhr.categories)) {
      for (const { id, weight } of auditRefs) {
        const { score, title, displayValue = "" } = lhr.audits[id];
        if (weight > 0 && score !== null && score < 1) console.log(`    ${id} ${score}: ${title} ${displayValue}`);
      }
    }
    bad += Object.values(lhr.categories).some(({ score }) => score < 1);
  }
} finally {
  await chrome.kill();
}
process.exit(bad ? 1 : 0);
