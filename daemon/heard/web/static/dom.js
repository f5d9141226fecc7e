// What the other modules build the page with. Text is set as text, never as markup.

export const byId = (id) => document.getElementById(id);

// An element with attributes (`class`, `text`, and whatever HTML has) and children.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// Changes a text only where it is another one: what stands still is neither drawn nor read out again.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const dayAndClock = new Intl.DateTimeFormat(undefined, {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

// A time as it is shown, from Unix seconds: with its day unless that is today.
export function time(seconds) {
  const date = new Date(seconds * 1000);
  const today = date.toDateString() === new Date().toDateString();
  return make("time", { datetime: date.toISOString(), title: date.toString(), text: (today ? clock : dayAndClock).format(date) });
}

export function span(seconds) {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

export const db = (value, digits = 0) => (value === null || value === undefined ? "–" : `${value.toFixed(digits).replace("-", "−")} dB`);

// Each source has a colour, by the order in which it was met.
const colours = new Map();
export function colour(source) {
  if (!colours.has(source)) colours.set(source, colours.size % 8);
  return `s${colours.get(source)}`;
}
