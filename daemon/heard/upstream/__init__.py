"""The v3 client: clean audio in, transcripts and settled positions out.

Cores, without socket, thread or clock:

- `messages`: the vendor's JSON, read leniently; `turns`: one final for each turn, ever
- `session`: one v3 session by the table of `states`; `happenings`: what it wants done and what it learns;
  `vigil`: its deadlines and pings; `timeline`: its milliseconds as captured samples
- `settle`: which sent samples the service is done with
- `backoff`: what a failure means, when to try again; `pace`: how fast audio may be sent
- `intake`: which blocks are new; `backlog`: audio kept until settled; `quiet`: where to cut it
- `leg`, `spans`: stretches of audio, and the sessions that hear them
- `legs`: a source's sessions as they run; `terms`: what they are opened with; `health`: what failures mean
- `attempts`: when one is opened, also beside one that hangs; `switchboard`: which session hears what;
  `seams`: where one ends and the next begins; `rest`, `onset`: when silence needs none
- `voice`, `transcripts`: what is heard, as the bodies that are published
- `wordless`: whether somebody speaks and no text comes
- `line`: one source, all of the above together; `port`: what it asks of the shell
- `outbox`: numbered events, kept until they are published; `configured`: the settings, and `get` and `set`

Shells: `dial` (TCP and TLS), `connection` (the websocket on it), `sockets` (all of them), `key` (the secret),
`process` (the stage).
"""
