"""The live page: a subscriber like any other, that shows a browser what the daemon hears.

- `views`: core: messages of the daemon as events of the page
- `audience`: core: who looks, what each is still to be sent, what goes when one is slow
- `gate`: core: who is let in
- `link`: shell: the subscription and the control socket
- `stream`: shell: one viewer's stream of events
- `app`: shell: the routes
- `process`: shell: the server

The page itself is in `static/`: no build step, and nothing that is loaded from elsewhere.
"""
