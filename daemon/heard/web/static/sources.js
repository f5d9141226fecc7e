// One card a source: spectrograms and meters before and after noise reduction, mix, mute, latency, ledger.

import { act } from "./api.js";
import { byId, colour, db, make, span, write } from "./dom.js";
import { Spectrogram } from "./spectrogram.js";

const FLOOR_DB = -60; // left end of a meter
const FALL = 0.12; // share of the way that a meter falls in a picture
const RATE_HZ = 16000;
const STAGES = ["capture", "denoise", "upstream", "recognize", "publish", "total"];
const REST_MS = 100; // between two settings of the mix
const OWN_MS = 1500; // so long after a touch the slider is the user's, and no status moves it

const room = byId("sources");
const cards = new Map();
let dead = false;

// Pictures drawn so far, for whoever measures.
export const pictures = { drawn: 0 };

class Meter {
  constructor(label) {
    this.bar = make("i");
    this.tick = make("b");
    this.element = make("div", {
      class: "meter", role: "meter", "aria-label": label, "aria-valuemin": FLOOR_DB, "aria-valuemax": 0, "aria-valuenow": FLOOR_DB,
    }, this.bar, this.tick);
    this.wanted = this.shown = this.peak = 0;
  }

  set(rms, peak) {
    this.wanted = share(rms);
    this.peak = Math.max(share(peak), this.peak - 0.02);
    if (performance.now() - (this.told ?? 0) > 1000) {
      this.told = performance.now();
      this.element.setAttribute("aria-valuenow", Math.round(Math.max(FLOOR_DB, rms)));
    }
  }

  draw() {
    this.shown = Math.max(this.wanted, this.shown + (this.wanted - this.shown) * FALL);
    const shown = this.shown.toFixed(3), peak = this.peak.toFixed(3);
    if (shown !== this.drawn) this.bar.style.transform = `scaleX(${shown})`;
    if (peak !== this.ticked) this.tick.style.transform = `translateX(${(100 * peak - 100).toFixed(1)}%)`;
    this.drawn = shown;
    this.ticked = peak;
  }
}

const share = (value) => Math.min(1, Math.max(0, 1 - (value ?? FLOOR_DB) / FLOOR_DB));

class Picture {
  constructor(source, title, what) {
    this.canvas = make("canvas", { role: "img", "aria-label": `Spectrogram of ${source}, ${what}: the last 12 seconds` });
    this.spectrogram = new Spectrogram(this.canvas);
    this.meter = new Meter(`Level of ${source}, ${what}, in dB below full scale`);
    this.value = make("span", { class: "value", text: "–" });
    this.high = make("span", { class: "high" });
    this.low = make("span", { class: "low" });
    this.element = make("figure", {},
      make("figcaption", {}, make("span", { text: title }), this.value),
      make("div", { class: "picture" }, this.canvas, this.high, this.low),
      this.meter.element);
  }
}

class Card {
  constructor(name) {
    this.name = name;
    const id = `source-${name}`;
    this.state = make("p", { class: "pill", text: "…" });
    this.device = make("p", { class: "quiet device" });
    this.mute = make("button", { type: "button", text: "Mute" });
    this.end = make("button", { type: "button", text: "End turn", title: "End the open turn now, without waiting for silence" });
    this.before = new Picture(name, "As captured", "as captured");
    this.after = new Picture(name, "After noise reduction", "after noise reduction");
    this.slider = make("input", { type: "range", id: `mix-${name}`, min: 0, max: 100, step: 1, value: 0, "aria-describedby": `backend-${name}` });
    this.percent = make("output", { for: `mix-${name}`, text: "–" });
    this.facts = make("dl", { class: "facts" });
    this.wrong = make("p", { class: "wrong", role: "alert", hidden: "" });
    this.latency = make("tbody");
    this.ledger = make("tbody");
    this.backend = make("span", { id: `backend-${name}` });
    this.values = new Map();
    this.element = make("article", { class: `source ${colour(name)}`, "aria-labelledby": id },
      make("div", { class: "head" }, make("h3", { class: "name", id, text: name }), this.state, this.device, this.end, this.mute),
      make("div", { class: "pictures" }, this.before.element, this.after.element),
      make("div", { class: "mix" }, make("label", { for: `mix-${name}`, text: "Noise reduction mixed in" }), this.slider, this.percent),
      this.wrong,
      this.facts,
      make("details", {}, make("summary", { text: "Latency and ledger" }),
        make("div", { class: "tables" },
          make("table", {}, make("caption", { text: "Latency, ms" }), heads("stage", "p50", "p99"), this.latency),
          make("table", {}, make("caption", { text: "Every sample captured" }), heads("where it is", "time", "samples"), this.ledger))));
    for (const picture of [this.before, this.after]) picture.value.title = "RMS level, dB below full scale";
    this.mute.addEventListener("click", () => this.do(this.muted ? "unmute" : "mute", this.mute));
    this.end.addEventListener("click", () => this.do("end-turn", this.end));
    this.slider.addEventListener("input", () => this.mix());
  }

  async do(what, button) {
    if (button.ariaBusy) return; // no second press while the first is under way; disabled, it would lose the focus
    button.ariaBusy = "true";
    try {
      const { [this.name]: state } = await act(what, this.name);
      if (what !== "end-turn" && state) this.showState(state);
      this.complain("");
    } catch (error) {
      this.complain(error.message);
    }
    button.ariaBusy = null;
  }

  // Sends the newest mix, one request at a time: what was passed over while one was under way is never sent.
  async mix() {
    this.touched = performance.now();
    write(this.percent, `${this.slider.value} %`);
    if (this.sending) return;
    this.sending = true;
    let sent;
    while (sent !== this.slider.value) {
      sent = this.slider.value;
      try {
        await act("mix", this.name, { mix: Number(sent) / 100 });
        this.complain("");
      } catch (error) {
        this.complain(error.message);
      }
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
    }
    this.sending = false;
  }

  complain(text) {
    this.wrong.hidden = !text;
    write(this.wrong, text);
  }

  showState(state) {
    this.muted = state === "muted";
    write(this.state, state);
    this.state.className = `pill ${state}`;
    write(this.mute, this.muted ? "Unmute" : "Mute");
    this.mute.classList.toggle("muted", this.muted);
    this.mute.disabled = this.end.disabled = state === "gone";
    this.slider.disabled = state === "gone" || this.off;
    if (state === "live") return;
    for (const { meter, value } of [this.before, this.after]) {
      meter.wanted = meter.peak = 0;
      write(value, "–");
    }
  }

  fact(name, value, title = "") {
    if (!this.values.has(name)) {
      const shown = make("dd");
      this.facts.append(make("div", {}, make("dt", { text: name }), shown));
      this.values.set(name, shown);
    }
    write(this.values.get(name), value);
    if (title) this.values.get(name).title = title;
  }

  status(status) {
    const { denoise, upstream, latency_ms, ledger } = status;
    this.off = denoise?.backend === "off";
    this.slider.title = this.off ? "Noise reduction is off: choose a backend in the configuration, or by heardctl set" : "";
    this.showState(status.state);
    write(this.device, (status.input === "file" ? status.device?.split("/").pop() : status.device) ?? "");
    this.device.title = status.device ?? "";
    if (denoise) {
      if (!this.sending && performance.now() - (this.touched ?? -OWN_MS) > OWN_MS) {
        this.slider.value = Math.round(denoise.mix * 100);
        write(this.percent, `${Math.round(denoise.mix * 100)} %`);
      }
      const now = denoise.adaptive ? `, now ${Math.round(denoise.mix_now * 100)} %` : "";
      this.fact("Backend", `${denoise.backend}${denoise.adaptive ? ` (adaptive${now})` : ""}`);
      this.fact("Noise lowered by", db(denoise.reduction_db, 1));
      this.fact("Speech over noise", db(status.snr_db, 0), "Estimated, as captured");
      this.fact("Delay", `${Math.round(denoise.delay_ms)} ms`, "By which noise reduction holds the sound back");
    }
    if (upstream) {
      this.fact("Speech service", `${upstream.service}: ${upstream.state}`, upstream.error ?? "");
      this.fact("Waits to be sent", span(upstream.backlog_s));
    }
    const total = latency_ms?.total;
    this.fact("Latency of finals", total ? `${seconds(total.p50)} / ${seconds(total.p99)} s` : "–", "p50 / p99, from the end of the last word");
    this.fact("Turns", String(status.turns));
    rows(this.latency, STAGES.filter((stage) => latency_ms?.[stage]).map((stage) => [stage, latency_ms[stage].p50.toFixed(0), latency_ms[stage].p99.toFixed(0)]));
    if (ledger) {
      const kept = [["captured", ledger.captured], ["delivered", ledger.delivered], ["pending", ledger.pending]];
      for (const [reason, samples] of Object.entries(ledger.dropped)) kept.push([`dropped: ${reason}`, samples]);
      if (ledger.muted) kept.push(["muted", ledger.muted]);
      for (const [reason, samples] of Object.entries(ledger.gaps)) kept.push([`gap: ${reason}`, samples]);
      rows(this.ledger, kept.map(([where, samples]) => [where, span(samples / RATE_HZ), samples.toLocaleString()]));
    }
  }

  level(level) {
    this.before.meter.set(level.rms, level.peak);
    this.after.meter.set(level.denoised_rms, level.denoised_peak);
    write(this.before.value, db(level.rms));
    write(this.after.value, db(level.denoised_rms));
  }

  spectrum(column) {
    for (const [picture, bands] of [[this.before, column.before], [this.after, column.after]]) {
      picture.spectrogram.add(column.start, Uint8Array.from(atob(bands), (letter) => letter.charCodeAt(0)));
      write(picture.high, hertz(column.high_hz));
      write(picture.low, hertz(column.low_hz));
    }
  }

  draw(now_s) {
    for (const picture of [this.before, this.after]) {
      picture.meter.draw();
      if (picture.spectrogram.draw(now_s)) pictures.drawn += 1;
    }
  }
}

const seconds = (ms) => (ms / 1000).toFixed(2);
const hertz = (value) => (value >= 1000 ? `${value / 1000} kHz` : `${value} Hz`);

function heads(...names) {
  return make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col", text: name }))));
}

// Writes a table's rows: the cells that are there are used again, so that nothing jumps.
function rows(body, wanted) {
  while (body.rows.length > wanted.length) body.lastElementChild.remove();
  wanted.forEach(([name, ...values], n) => {
    const row = body.rows[n] ?? body.appendChild(make("tr", {}, make("th", { scope: "row" }), ...values.map(() => make("td"))));
    [name, ...values].forEach((text, at) => write(row.cells[at], text));
  });
}

function card(name) {
  if (!cards.has(name)) {
    cards.set(name, new Card(name));
    room.append(cards.get(name).element);
    byId("of").append(make("option", { value: name, text: name }));
  }
  return cards.get(name);
}

export function status(sources) {
  dead = false;
  for (const [name, one] of Object.entries(sources)) card(name).status(one);
  for (const [name, one] of cards) {
    if (name in sources) continue;
    one.element.remove();
    byId("of").querySelector(`option[value="${CSS.escape(name)}"]`)?.remove();
    cards.delete(name);
  }
}

export function level(one) {
  if (!dead) cards.get(one.source)?.level(one);
}

export function spectrum(column) {
  cards.get(column.source)?.spectrum(column);
}

// The daemon has gone: what it said last is no more so.
export function down() {
  dead = true;
  for (const one of cards.values()) one.showState("gone");
}

function draw(now_ms) {
  for (const one of cards.values()) one.draw(now_ms / 1000);
  requestAnimationFrame(draw);
}
requestAnimationFrame(draw);
