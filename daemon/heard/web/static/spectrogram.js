// A rolling spectrogram on a canvas: columns come 20 a second, pictures are drawn as often as the screen has one.

const STEP_S = 0.05;
const COLUMNS = 256; // kept
const SPAN_S = 12; // shown
const LATE_S = 0.2; // how far the right edge stays behind, so that columns are there before they are shown
const LOUD = 196, SOFT = 56; // bytes: -22 and -92 dBFS

const DARK = [[13, 16, 26], [38, 28, 92], [98, 38, 142], [188, 58, 122], [240, 118, 74], [253, 206, 112], [255, 250, 222]];
const LIGHT = [[250, 251, 253], [216, 230, 247], [150, 190, 235], [74, 130, 208], [36, 74, 158], [20, 34, 96], [8, 10, 46]];

const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");

// Read at a change alone: Chromium tells of no change that somebody has seen by `matches` before.
let stops, palette;
function choose() {
  stops = dark.matches ? DARK : LIGHT;
  palette = colours();
}
choose();
dark.addEventListener("change", choose); // before the pictures, whose listeners come later

function colours() {
  const table = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    const place = Math.min(1, Math.max(0, (byte - SOFT) / (LOUD - SOFT))) * (stops.length - 1);
    const low = Math.min(stops.length - 2, Math.floor(place));
    const [r, g, b] = stops[low].map((from, n) => Math.round(from + (stops[low + 1][n] - from) * (place - low)));
    table[byte] = (255 << 24) | (b << 16) | (g << 8) | r; // little endian, as every machine with a browser is
  }
  return table;
}

export class Spectrogram {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.base = 0; // time of the middle of column 0
    this.last = -1; // number of the newest column
    this.size(0);
    dark.addEventListener("change", () => this.paintAll());
    new ResizeObserver(([entry]) => {
      const ratio = Math.min(2, devicePixelRatio);
      canvas.width = Math.max(1, Math.round(entry.contentRect.width * ratio));
      canvas.height = Math.max(1, Math.round(entry.contentRect.height * ratio));
      this.dirty = true;
    }).observe(canvas);
    this.dirty = true;
  }

  size(bands) {
    this.bands = bands;
    this.kept = new Uint8Array(COLUMNS * bands);
    this.ring = document.createElement("canvas");
    this.ring.width = COLUMNS;
    this.ring.height = Math.max(1, bands);
    this.paint = this.ring.getContext("2d", { alpha: false });
    this.column = bands ? this.paint.createImageData(1, bands) : null;
    this.pixels = this.column && new Uint32Array(this.column.data.buffer);
    this.paintAll();
  }

  // Takes a column (bytes in half decibels, the lowest band first) whose middle was captured at `start`.
  add(start, bytes) {
    if (bytes.length !== this.bands) {
      this.size(bytes.length);
      this.last = -1;
    }
    let number = Math.round((start - this.base) / STEP_S);
    if (this.last < 0 || number > this.last + COLUMNS) {
      this.kept.fill(0);
      this.paintAll();
      this.base = start;
      this.last = number = 0;
    } else if (number <= this.last) {
      if (number > this.last - COLUMNS) return; // a pass that brings again what was shown
      this.last = -1;
      this.add(start, bytes);
      return;
    }
    for (let hole = this.last + 1; hole < number; hole++) this.put(hole, null);
    this.put(number, bytes);
    this.last = number;
    // The time on the right: it runs by itself, and is set right gently, so that what comes in bursts moves evenly.
    const ahead = start - performance.now() / 1000;
    this.ahead = this.ahead === undefined || Math.abs(ahead - this.ahead) > 1.5 ? ahead : Math.max(ahead, this.ahead - 0.002);
  }

  put(number, bytes) {
    const at = number % COLUMNS;
    for (let band = 0; band < this.bands; band++) {
      const byte = bytes ? bytes[band] : 0;
      this.kept[at * this.bands + band] = byte;
      this.pixels[this.bands - 1 - band] = palette[byte];
    }
    this.paint.putImageData(this.column, at, 0);
    this.dirty = true;
  }

  paintAll() {
    const { bands } = this;
    const image = this.paint.createImageData(COLUMNS, Math.max(1, bands));
    const pixels = new Uint32Array(image.data.buffer).fill(palette[0]);
    for (let at = 0; at < COLUMNS; at++) {
      for (let band = 0; band < bands; band++) pixels[(bands - 1 - band) * COLUMNS + at] = palette[this.kept[at * bands + band]];
    }
    this.paint.putImageData(image, 0, 0);
    this.dirty = true;
  }

  // Draws what is to be seen at `now_s` (of performance.now()); returns whether there was anything new.
  draw(now_s) {
    const { canvas, context } = this;
    let right = this.last < 0 ? 0 : now_s + this.ahead - LATE_S;
    if (still.matches) right = Math.floor(right * 2) / 2;
    const newest = this.base + this.last * STEP_S;
    const moving = this.last >= 0 && right < newest + SPAN_S && right !== this.drawn;
    if (!moving && !this.dirty) return false;
    this.dirty = false;
    this.drawn = right;
    context.fillStyle = `rgb(${stops[0]})`; // where nothing has been heard
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (this.last < 0) return true;
    const scale = (canvas.width / SPAN_S) * STEP_S; // px of a column
    const oldest = Math.max(0, this.last - COLUMNS + 1);
    const x = (number) => canvas.width - (right - (this.base + number * STEP_S)) * (canvas.width / SPAN_S);
    for (let from = oldest; from <= this.last;) {
      const at = from % COLUMNS;
      const count = Math.min(COLUMNS - at, this.last - from + 1);
      context.drawImage(this.ring, at, 0, count, this.ring.height, x(from), 0, count * scale + 0.5, canvas.height);
      from += count;
    }
    return true;
  }
}
