"""Print what is said, turn by turn. Needs pyzmq and msgpack, nothing of heard."""

import os

import msgpack
import zmq

subscriber = zmq.Context().socket(zmq.SUB)
subscriber.connect(f"ipc://{os.environ.get('XDG_RUNTIME_DIR', '/run')}/heard/transcripts")
subscriber.subscribe("transcript.final.")
while True:
    topic, body = subscriber.recv_multipart()
    print(msgpack.unpackb(body)["text"], flush=True)
