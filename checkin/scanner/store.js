/**
 * What the phone keeps: its pairing, the roster, what it has seen, and the outbox.
 *
 * A fact and what it changes are written in one transaction that is on the disk before
 * anybody is let in. A fact leaves the outbox when the server has answered its id.
 */

import { openDB } from "idb";

const STRICT = { durability: "strict" };

export const db = await openDB("apero-door", 1, {
  upgrade(made) {
    made.createObjectStore("kept");
    made.createObjectStore("seen");
    made.createObjectStore("outbox", { keyPath: "id" });
  },
});

export const read = (name) => db.get("kept", name);
export const write = (name, value) => db.put("kept", value, name);
export const waiting = () => db.count("outbox");
export const outbox = () => db.getAll("outbox");
export const seen = (key) => db.get("seen", key);

/** Write a fact down before it is asked or told; `entry` says where it is sent. */
export async function keep(fact) {
  const write = db.transaction("outbox", "readwrite", STRICT);
  write.store.put(fact);
  await write.done;
}

/** What was decided here: the fact with its verdict, and who is inside, together. */
export async function decided(fact, key, presence) {
  const write = db.transaction(["outbox", "seen"], "readwrite", STRICT);
  if (fact) write.objectStore("outbox").put(fact);
  if (key) write.objectStore("seen").put(presence, key);
  await write.done;
}

/** Forget facts whose ids were answered. */
export async function acknowledged(ids) {
  const write = db.transaction("outbox", "readwrite", STRICT);
  for (const id of ids) write.store.delete(id);
  await write.done;
}

/** Forget everything but the outbox: the pairing ended, or the evening is long over. */
export async function forget() {
  const write = db.transaction(["kept", "seen"], "readwrite", STRICT);
  write.objectStore("kept").clear();
  write.objectStore("seen").clear();
  await write.done;
}
