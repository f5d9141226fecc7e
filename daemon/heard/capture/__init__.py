"""The capture stage: inputs, sample numbering, and the raw audio that is retained until settled.

- `ring`: samples and their record in one buffer that outlives the process
- `timeline`: segments, and when each sample was captured
- `record`: what is known of a source besides its samples
- `adopt`: how a process takes over what an earlier one retained, of its own run or of another
- `cursor`: what is sent next: passes, lead-in, leaps over what is settled
- `blocks`: a source's samples from input to pipe: numbering, settlement, cutting
- `ring_file`, `store`, `mirror`, `spool`: where rings live, in memory and on a disk
- `clock`: the time of a device's samples from late and jittering wake-ups
- `convert`: frames of any rate and width to int16 mono at the working rate
- `source`: what an input is; `device`, `files` and `stdin` are the three, made by `inputs`
- `lost`: why an input cannot be heard
- `listening`: the process that holds one device, `listener`, with `pulse` or `portaudio`; what it tells
  us are `listener_messages`
- `devices`: the program that lists the inputs there are; `listing` asks it for a client
- `account`: the time at which nothing is captured, by reason
- `station`: one source: its input, its track and its state
- `process`: the shell
"""
