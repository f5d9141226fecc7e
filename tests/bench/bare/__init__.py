"""The pipeline without retention and accounting: what those cost is measured against it.

The processes, pipes, settings and the input are the daemon's own; so are denoise, the recognizer and
supervise. What the stages do so that nothing is lost, and is counted, is left out:

- `capture`: the ring in a file, its record written at every turn, the ledger and its intervals, the time
  line, the cursor, the positions that others send and the turns of the loop that they cause. Blocks wait in
  a queue of 10 s, which is empty but at the start; they are forgotten once sent.
- `upstream`: positions (`Received` ten times a second, replays), settlements as events, numbers of events,
  their copies until they are acknowledged, acknowledgements.
- `publish`: settlements passed on, acknowledgements, the writing of the files that outlive it
  (`publish.once`, `publish.seq`).
- `supervise`: the check of ledgers, since no report has one.

What a user gets while nothing fails is the same: live text, levels, journal, numbered messages, delays, the
status but for its ledger. So the recording is read, converted, metered and judged by the same code.

Left in, because it is woven into what it serves: numbers and times in the blocks, the denoiser's passes,
upstream's intake, its computing of what is settled, its audio of the last turns, the images of publish's
files in memory. None of it makes a system call, but the difference that is shown lacks it.
"""
