// The stream of events from the page's server, and who is told of each.

import { wantsLogin } from "./api.js";
import * as captions from "./captions.js";
import { byId, colour, make, span, time, write } from "./dom.js";
import "./journal.js";
import * as sources from "./sources.js";

const MOST_HAPPENINGS = 50;
const HIDDEN_MS = 20_000; // a page that nobody sees takes no more after so long, and costs the daemon nothing
const AGAIN_MS = 2000;
const DOWN_MS = 1500; // a break that is shorter is not worth a word

const state = byId("state");
const about = byId("about");
const faults = byId("faults");
const happenings = byId("happenings");

let stream = null, hidden = 0, broken = 0, link = "";

const told = {
  final: captions.final,
  partial: captions.partial,
  level: sources.level,
  spectrum: sources.spectrum,
  status(status) {
    show(status.state);
    write(about, `version ${status.version} · up for ${span(Math.floor(status.uptime_s))} · ${status.journal_rows.toLocaleString()} in the journal`);
    sources.status(status.sources);
    const lines = status.faults.map((fault) => `${fault.process}: ${fault.detail}`);
    for (const [name, source] of Object.entries(status.sources)) {
      if (source.upstream?.error) lines.push(`${name}: speech service ${source.upstream.state}: ${source.upstream.error}`);
      if (source.state === "lost") lines.push(`${name}: its device is not there: ${source.device}`);
    }
    for (const [name, process] of Object.entries(status.processes)) {
      if (process.state === "failed" || process.state === "backing-off") lines.push(`process ${name}: ${process.state}, restarted ${process.restarts} times`);
    }
    complain(lines);
  },
  link({ up, reason }) {
    link = up ? "" : reason;
    if (up) return;
    show("down");
    complain([`heard is not running: ${reason}. The page goes on as soon as it is.`]);
    captions.closeAll();
    sources.down();
  },
  happening(one) {
    happenings.querySelector(".empty")?.remove();
    happenings.prepend(make("li", { class: colour(one.source) },
      time(one.time), " ", make("span", { class: "name", text: one.source }), ` ${one.what}${one.why ? `: ${one.why}` : ""}`));
    while (happenings.childElementCount > MOST_HAPPENINGS) happenings.lastElementChild.remove();
  },
  now() {},
};

function show(what) {
  write(state, what === "down" ? "not running" : what);
  state.className = `pill ${what}`;
}

function complain(lines) {
  if (faults.childElementCount !== lines.length) faults.replaceChildren(...lines.map(() => make("li")));
  lines.forEach((line, n) => write(faults.children[n], line));
  faults.hidden = lines.length === 0;
}

function open() {
  stream = new EventSource("/events");
  happenings.replaceChildren(make("li", { class: "empty", text: "Nothing but listening." }));
  for (const [name, tell] of Object.entries(told)) {
    stream.addEventListener(name, (event) => tell(JSON.parse(event.data)));
  }
  stream.onopen = () => clearTimeout(broken);
  stream.onerror = async () => {
    close();
    clearTimeout(broken);
    broken = setTimeout(() => {
      if (stream?.readyState === EventSource.OPEN) return;
      show("down");
      complain(["The page's server does not answer. The page goes on as soon as it does."]);
      sources.down();
    }, DOWN_MS);
    if (await wantsLogin()) location.reload();
    else setTimeout(() => stream || document.hidden || open(), AGAIN_MS);
  };
}

function close() {
  stream?.close();
  stream = null;
  captions.closeAll();
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hidden);
  if (document.hidden) hidden = setTimeout(close, HIDDEN_MS);
  else if (!stream) open();
});
open();
