// Captions: finals by the time at which they were said, and below them what is being said.

import { byId, colour, make, time, write } from "./dom.js";

const MOST = 300;
const NEAR = 48; // px from the end that count as the end

const scroll = byId("captions");
const finals = byId("finals");
const partials = byId("partials");
const nothing = byId("nothing");
const newest = byId("newest");

const shown = new Map(); // turn → its item
const open = new Map(); // source → {item, text, turn}
let following = true;

function item(turn) {
  const by = make("div", { class: "by" }, time(turn.start), make("span", { class: "name", text: turn.source }));
  if (turn.speakers.length) by.append(make("span", { text: `speaker ${turn.speakers.join(", ")}` }));
  if (turn.backfill) by.append(make("span", { text: "caught up", title: "Said during an outage, and transcribed afterwards" }));
  const element = make("li", { class: colour(turn.source) }, by, make("p", { class: "text", dir: "auto", text: turn.text }));
  element.dataset.turn = turn.turn;
  element.start = turn.start;
  return element;
}

export function final(turn) {
  const element = item(turn);
  const before = shown.get(turn.turn);
  close(turn.source, turn.turn);
  if (before) {
    before.replaceWith(element);
  } else {
    // What was said during an outage comes late, and stands where it was said.
    let place = finals.lastElementChild;
    while (place && place.start > turn.start) place = place.previousElementSibling;
    if (place) place.after(element);
    else finals.prepend(element);
  }
  shown.set(turn.turn, element);
  while (finals.childElementCount > MOST) {
    shown.delete(finals.firstElementChild.dataset.turn);
    finals.firstElementChild.remove();
  }
  nothing.hidden = true;
  follow();
}

export function partial(turn) {
  if (shown.has(turn.turn) || !turn.text) return;
  const now = open.get(turn.source);
  if (now && now.turn === turn.turn) {
    write(now.text, turn.text);
  } else {
    now?.item.remove();
    const element = item(turn);
    partials.append(element);
    open.set(turn.source, { item: element, text: element.querySelector(".text"), turn: turn.turn });
  }
  nothing.hidden = true;
  follow();
}

// Ends the open turn of a source; with a turn, only that one.
export function close(source, turn) {
  const now = open.get(source);
  if (!now || (turn && now.turn !== turn)) return;
  now.item.remove();
  open.delete(source);
}

export function closeAll() {
  for (const source of [...open.keys()]) close(source);
}

function follow() {
  if (following) scroll.scrollTop = scroll.scrollHeight;
  newest.hidden = following;
}

scroll.addEventListener("scroll", () => {
  following = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR;
  newest.hidden = following;
}, { passive: true });
newest.addEventListener("click", () => {
  following = true;
  follow();
  scroll.focus();
});
new ResizeObserver(follow).observe(scroll);
