// Reads calendars with ical.js and with node-ical, as the programs that use them do.
// In: {"from", "to", "calendars": {name: text}} as JSON. Out: {name: {reader: occurrences}}.
import { readFileSync } from "node:fs";
import ICAL from "ical.js";
import nodeIcal from "node-ical";

const asked = JSON.parse(readFileSync(0, "utf8"));
const from = new Date(asked.from);
const to = new Date(asked.to);

function told(start, end, title, status) {
  return { start: start.toISOString(), end: end.toISOString(), title, status };
}

function byIcalJs(text) {
  const calendar = new ICAL.Component(ICAL.parse(text));
  ICAL.TimezoneService.reset();
  for (const zone of calendar.getAllSubcomponents("vtimezone")) {
    ICAL.TimezoneService.register(new ICAL.Timezone(zone));
  }
  const all = calendar.getAllSubcomponents("vevent").map((one) => new ICAL.Event(one));
  const found = [];
  for (const one of all.filter((each) => !each.isRecurrenceException())) {
    all.filter((each) => each.isRecurrenceException() && each.uid === one.uid)
      .forEach((each) => one.relateException(each));
    if (!one.isRecurring()) {
      found.push([one.startDate, one.endDate, one]);
      continue;
    }
    const days = one.iterator();
    for (let day = days.next(); day && day.toJSDate() < to; day = days.next()) {
      const details = one.getOccurrenceDetails(day);
      found.push([details.startDate, details.endDate, details.item]);
    }
  }
  return found
    .map(([start, end, one]) =>
      told(start.toJSDate(), end.toJSDate(), one.summary,
        one.component.getFirstPropertyValue("status")))
    .filter((one) => new Date(one.start) >= from && new Date(one.start) < to);
}

function byNodeIcal(text) {
  const all = Object.values(nodeIcal.sync.parseICS(text));
  return all.filter((one) => one.type === "VEVENT")
    .flatMap((one) => nodeIcal.expandRecurringEvent(one, { from, to }))
    .map((one) => told(one.start, one.end, one.event.summary, one.event.status));
}

const answer = {};
for (const [name, text] of Object.entries(asked.calendars)) {
  answer[name] = { "ical.js": byIcalJs(text), "node-ical": byNodeIcal(text) };
}
process.stdout.write(JSON.stringify(answer));
