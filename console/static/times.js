// Times in words that go on by themselves: how long ago, and how long until.

const SECOND = 1000;
const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

function inWords(seconds) {
  const [unit, size] = UNITS.find(([, it]) => seconds >= it) ?? ["s", 1];
  return `${Math.floor(seconds / size)} ${unit}`;
}

function words(element, now) {
  const seconds = (Date.parse(element.dateTime) - now) / SECOND;
  if ("until" in element.dataset) {
    return seconds > 0 ? `in ${inWords(Math.ceil(seconds))}` : "now";
  }
  return seconds > -1 ? "just now" : `${inWords(-seconds)} ago`;
}

export function tellTimes(root) {
  const now = Date.now();
  for (const element of root.querySelectorAll("time[data-ago], time[data-until]")) {
    const told = words(element, now);
    if (element.firstChild.data !== told) {
      element.title ||= element.dateTime;
      element.firstChild.data = told;
    }
  }
}

export function keepTimes(root) {
  tellTimes(root);
  setInterval(() => document.hidden || tellTimes(root), SECOND);
}
