"""The v3 client: clean audio in, transcripts and settled positions out.

Cores, without socket, thread or clock:

- `messages`: the vendor's JSON, read leniently; `turns`: one final for each turn, ever
- `session`: one v3 session as a table of states; `timeline`: its milliseconds as captured samples
- `settle`: which sent samples the service is done with
- `backoff`: what a failure means, when to try again; `pace`: how fast audio may be sent
- `backlog`: audio retained until settled; `transcripts`: the bodies that are published
- `line`: one source: its spans of audio, the sessions that hear them, what is said and settled
- `outbox`: numbered events, kept until they are published

Shells: `connection` (the websocket), `key` (the secret), `process` (the stage).
"""
