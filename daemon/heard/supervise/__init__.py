"""The main process (`heard run`): children, control socket, status. Does no work that could block.

- `table`: which processes there are and how each is started
- `policy` (core): a process's life: starting, ready, backing off, given up on
- `overview` (core): the stages' reports merged into the status
- `ops` (core): what each op of the control socket asks for; `control` (core): the requests under way
- `door`: the control socket and who may come in
- `children`: starts, watches and ends the processes
- `notify`: systemd's sd_notify
- `process`: the shell that joins them
"""
