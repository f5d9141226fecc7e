"""The embedded speech recognizer: a websocket server that speaks AssemblyAI's streaming v3.

It imports nothing else of heard and does not know that heard exists; any v3 client may use it.

    server ─ one thread a session ─▶ session (protocol) ─▶ stream (turns) ─▶ engine (words)
"""
