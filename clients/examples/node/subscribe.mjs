// Print what is said, turn by turn. `npm install` in this folder, then `node subscribe.mjs`.
// A number that is left out is a final that was dropped, because this program was too slow; it is asked for
// (docs/wire.md, op "history") and printed in its place.

import { decode, encode } from "@msgpack/msgpack";
import { Dealer, Subscriber } from "zeromq";

const folder = process.env.HEARD_RUNTIME_DIR ?? `${process.env.XDG_RUNTIME_DIR ?? "/run"}/heard`;
const subscriber = new Subscriber();
subscriber.connect(`ipc://${folder}/transcripts`);
subscriber.subscribe("transcript.final.");

async function history(run, source, after) {
  const control = new Dealer({ linger: 0, receiveTimeout: 5000 });
  control.connect(`ipc://${folder}/control`);
  try {
    await control.send(encode({ v: 1, id: 1, op: "history", args: { run, source, after } }));
    const [reply] = await control.receive();
    const { ok, result, error } = decode(reply);
    if (!ok) throw new Error(error.message);
    return result.transcripts;
  } finally {
    control.close();
  }
}

const last = new Map(); // run and source → number of the final printed last

function print(final) {
  last.set(`${final.run} ${final.source}`, final.seq);
  console.log(`${final.source}: ${final.text}`);
}

for await (const [, body] of subscriber) {
  const final = decode(body);
  const before = last.get(`${final.run} ${final.source}`) ?? final.seq - 1;
  if (final.seq > before + 1) {
    try {
      const missed = await history(final.run, final.source, before);
      missed.filter(({ seq }) => seq < final.seq).forEach(print);
    } catch (error) {
      console.error(`${final.seq - before - 1} finals of ${final.source} were missed: ${error.message}`);
    }
  }
  if (final.seq > before) print(final);
}
