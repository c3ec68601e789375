/**
 * The camera: the rear one first, the one that was chosen last time after that.
 *
 * Only the middle of the picture is looked at: it is faster, and shows where to aim.
 */

import { prepareZXingModule, readBarcodes } from "zxing-wasm/reader";
import * as store from "./store.js";

const SIDE = 480;
const CENTRE = 0.9;
const PAUSE = 60;
const SAME_CODE = 2500;
const READER = { formats: ["QRCode"], maxNumberOfSymbols: 1, tryHarder: true };

let stream = null;

/** Begin to look; `found` hears each code once while it stays in front of the camera. */
export async function start(video, wasm, found) {
  prepareZXingModule({ overrides: { locateFile: () => wasm }, fireImmediately: true });
  stream = await open();
  video.srcObject = stream;
  await video.play();
  navigator.wakeLock?.request("screen").catch(() => {});
  look(video, found);
}

async function open() {
  const chosen = await store.read("camera");
  const wanted = { width: { ideal: 1280 }, height: { ideal: 720 } };
  const rear = { ...wanted, facingMode: "environment" };
  const media = navigator.mediaDevices;
  if (!chosen) return media.getUserMedia({ video: rear });
  return media
    .getUserMedia({ video: { ...wanted, deviceId: { exact: chosen } } })
    .catch(() => media.getUserMedia({ video: rear }));
}

/** Go on to the phone's next camera, and remember it. */
export async function turn(video) {
  const all = await navigator.mediaDevices.enumerateDevices();
  const cameras = all.filter((one) => one.kind === "videoinput").map((one) => one.deviceId);
  const at = cameras.indexOf(stream?.getVideoTracks()[0]?.getSettings().deviceId);
  await store.write("camera", cameras[(at + 1) % cameras.length]);
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = await open();
  video.srcObject = stream;
  await video.play();
}

export const hasTorch = () =>
  Boolean(stream?.getVideoTracks()[0]?.getCapabilities?.().torch);

export async function torch(on) {
  await stream.getVideoTracks()[0].applyConstraints({ advanced: [{ torch: on }] });
}

async function look(video, found) {
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  const picture = canvas.getContext("2d", { willReadFrequently: true });
  let last = "";
  let lastAt = 0;
  for (;;) {
    const text = await codeIn(video, picture).catch(() => null);
    const moment = performance.now();
    if (text && (text !== last || moment - lastAt > SAME_CODE)) found(text);
    if (text) [last, lastAt] = [text, moment];
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

async function codeIn(video, picture) {
  if (document.hidden || !video.videoWidth) return null;
  const side = Math.min(video.videoWidth, video.videoHeight) * CENTRE;
  const x = (video.videoWidth - side) / 2;
  const y = (video.videoHeight - side) / 2;
  picture.drawImage(video, x, y, side, side, 0, 0, SIDE, SIDE);
  const codes = await readBarcodes(picture.getImageData(0, 0, SIDE, SIDE), READER);
  return codes[0]?.text || null;
}
