"""The v3 client: clean audio in, transcripts and settled positions out.

Cores, without socket, thread or clock:

- `messages`: the vendor's JSON, read leniently; `turns`: one final for each turn, ever
- `session`: one v3 session as a table of states; `happenings`: what it wants done and what it learns;
  `timeline`: its milliseconds as captured samples
- `settle`: which sent samples the service is done with
- `backoff`: what a failure means, when to try again; `pace`: how fast audio may be sent
- `intake`: which blocks are new; `backlog`: audio kept until settled; `quiet`: where to cut it
- `leg`, `spans`: stretches of audio, and the sessions that hear them
- `switchboard`: which session hears what: opened, replaced, given up
- `voice`, `transcripts`: what is heard, as the bodies that are published
- `line`: one source, all of the above together; `port`: what it asks of the shell
- `outbox`: numbered events, kept until they are published

Shells: `connection` (the websocket), `key` (the secret), `process` (the stage).
"""
