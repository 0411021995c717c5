"""An ASGI application called as a job: in this process, without a server or a socket."""
