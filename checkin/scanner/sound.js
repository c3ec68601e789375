/** A sound and a shake for each tone, so that nobody has to look. */

const NOTES = {
  enter: [[880, 0, 0.09], [1320, 0.1, 0.14]],
  wait: [[520, 0, 0.14], [520, 0.2, 0.14]],
  stop: [[180, 0, 0.42]],
};
const SHAKES = { enter: [60], wait: [70, 80, 70], stop: [300] };

let audio = null;

/** Browsers let a page make sounds after a touch only. */
export function wake() {
  audio ??= new AudioContext();
  if (audio.state === "suspended") audio.resume();
}

export function play(tone) {
  navigator.vibrate?.(SHAKES[tone] ?? []);
  if (audio?.state !== "running") return;
  for (const [pitch, after, lasts] of NOTES[tone] ?? []) {
    const voice = audio.createOscillator();
    const volume = audio.createGain();
    const from = audio.currentTime + after;
    voice.frequency.value = pitch;
    voice.type = tone === "stop" ? "square" : "sine";
    volume.gain.setValueAtTime(0.2, from);
    volume.gain.exponentialRampToValueAtTime(0.001, from + lasts);
    voice.connect(volume).connect(audio.destination);
    voice.start(from);
    voice.stop(from + lasts);
  }
}
