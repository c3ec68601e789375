/**
 * Codes: what a scanned text is, and whether this meetup printed it.
 *
 * Sixteen bytes and their Ed25519 signature in base 32 (RFC 4648), behind an address;
 * see `events/admission/tickets.py`. Anything else may be a code to type.
 */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BODY = 16;
const TICKET = [6, 14];

/** The parts of a signed code, or null; it never throws. */
export function signed(text) {
  const path = text.replace(/\s/g, "").toUpperCase().split(/[?#]/)[0];
  const code = path.slice(path.lastIndexOf("/T/") < 0 ? 0 : path.lastIndexOf("/T/") + 3);
  if (!/^[A-Z2-7]{128}\/?$/.test(code)) return null;
  const bytes = base32(code.slice(0, 128));
  if (bytes[0] !== 1) return null;
  const view = new DataView(bytes.buffer);
  return {
    keyId: String(bytes[1]),
    number: view.getUint32(2),
    ticket: bytes.slice(...TICKET),
    body: bytes.slice(0, BODY),
    signature: bytes.slice(BODY),
  };
}

function base32(text) {
  const out = new Uint8Array((text.length * 5) >> 3);
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const letter of text) {
    held = ((held << 5) | ALPHABET.indexOf(letter)) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = (held >> bits) & 0xff;
    }
  }
  return out;
}

export const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

export const hex = (bytes) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** The first eight bytes of the hash under which the roster knows a ticket. */
export async function rosterKey(ticket) {
  const digest = await crypto.subtle.digest("SHA-256", ticket);
  return hex(new Uint8Array(digest).slice(0, 8));
}

/** Did this key sign it? `null` where the phone cannot tell. */
export async function isSigned(code, publicKey) {
  if (!publicKey) return null;
  let key;
  try {
    key = await crypto.subtle.importKey("raw", bytesOf(publicKey), "Ed25519", false, [
      "verify",
    ]);
  } catch {
    return null; // an older browser without Ed25519 relies on the list
  }
  return crypto.subtle.verify("Ed25519", key, code.signature, code.body);
}
