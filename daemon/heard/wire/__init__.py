"""The only schema: every message that crosses a process border, and how it becomes bytes.

Imports nothing but the standard library and msgpack, so that a subscriber can use it.

- `codec`: map to bytes and back, with the checks shared by every decoder
- `audio`: `Block`, what flows through the `raw` and `clean` pipes
- `positions`: what flows back to `capture`: settled and wanted samples
- `events`: what a stage asks `publish` to publish, and the acknowledgement
- `topics`: the names of the topics of the publish socket
- `control`: requests and replies of the control socket
- `report`: what a stage and `supervise` tell each other
- `status`: the status map
- `endpoints`: where the sockets are when nobody says
"""

PROTOCOL = 1
"""Version of the publish and control sockets, `v` in every message (docs/wire.md)."""
