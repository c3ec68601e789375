// A meetup's hour is the hour of its place. Someone elsewhere also reads her own.

const wall = /(\d\d)T(\d\d):(\d\d)/;

export function tellLocalTimes(root) {
  const { lang } = document.documentElement;
  const digits = { hour: "2-digit", minute: "2-digit" };
  const hour = new Intl.DateTimeFormat(lang, digits);
  const dayAndHour = new Intl.DateTimeFormat(lang, { weekday: "short", ...digits });
  for (const time of root.querySelectorAll("time[data-local]:not([data-told])")) {
    time.dataset.told = "yes";
    const moment = new Date(time.dateTime);
    const there = wall.exec(time.dateTime);
    if (!there || Number.isNaN(moment.valueOf())) continue;
    const [day, hours, minutes] = there.slice(1).map(Number);
    if (moment.getHours() === hours && moment.getMinutes() === minutes) continue;
    const said = (moment.getDate() === day ? hour : dayAndHour).format(moment);
    const hint = document.createElement("small");
    hint.className = "soft";
    hint.textContent = ` (${time.dataset.local.replace("{time}", said)})`;
    time.after(hint);
  }
}
