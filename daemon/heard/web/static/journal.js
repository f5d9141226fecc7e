// Search in the journal, and downloads from it.

import { download, search } from "./api.js";
import { byId, colour, make, time, write } from "./dom.js";

const told = byId("told");
const found = byId("found");
const more = byId("more");
let words = "", next = null;

function show(turns) {
  for (const turn of turns) {
    found.append(make("li", { class: colour(turn.source) },
      time(turn.start), " ", make("span", { class: "name", text: turn.source }),
      make("p", { dir: "auto", text: turn.text })));
  }
}

async function page(cursor) {
  try {
    const answer = await search(words, cursor);
    show(answer.turns);
    next = answer.next;
    const count = found.childElementCount;
    write(told, count === 0 ? "Nothing was said with all of these words." : `${count}${next ? " or more" : ""} found, the newest first.`);
  } catch (error) {
    write(told, error.message);
    next = null;
  }
  more.hidden = !next;
}

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  words = byId("words").value.trim();
  found.replaceChildren();
  if (words) page(null);
});
byId("words").addEventListener("input", () => {
  if (byId("words").value) return;
  found.replaceChildren();
  write(told, "");
  more.hidden = true;
});
more.addEventListener("click", () => page(next));

function since(range) {
  if (range === "all") return {};
  if (range === "today") return { since: new Date().setHours(0, 0, 0, 0) / 1000 };
  return { since: Date.now() / 1000 - Number(range) };
}

byId("download").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const query = { ...since(form.get("range")), format: form.get("format") };
  if (form.get("source")) query.source = form.get("source");
  try {
    const { name, blob } = await download(query);
    const link = make("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    write(told, `${name} is downloaded.`);
  } catch (error) {
    write(told, error.message);
  }
});
