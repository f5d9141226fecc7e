"""Finals to where people's systems already are: MQTT, NATS JetStream, a webhook, Wyoming.

A bridge is a subscriber like any other. What it has delivered is what the far side has acknowledged; the
cursor behind that is kept in a file, and everything else is in the daemon's journal.

- `delivery`, `outbox`, `backoff`, `state`: cores, the same for all
- `place`: the file with the cursor; `process`: the shell that moves finals from the daemon to a far side
- `mqtt` (with `home_assistant`), `jetstream`, `webhook` (with `signature`): the far sides
- `wyoming` (with `speech`): a server, whose clients keep their own cursors
"""
