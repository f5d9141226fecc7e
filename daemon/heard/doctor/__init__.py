"""`heard doctor`: what keeps heard from working on this machine, and what to do about it.

The modules here are cores: each takes what was found and returns findings. `probes` look.
"""
