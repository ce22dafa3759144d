"""The Ingress's snippet for HAProxy, tried with a real HAProxy in front of three servers."""

import contextlib
import http.server
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request

# Everything of one room that a browser asks for.
ROOM_PATHS = ("/room/{}", "/room/{}?theme=dark", "/ws/room/{}", "/api/v1/rooms/{}", "/api/v1/rooms/{}/messages?limit=50",
              "/api/v1/rooms/{}/members")
# Names that could be taken for a part of the path are among them.
ROOMS = ["room", "rooms", "ws", "api", "v1", "messages"] + [f"post-{n}" for n in range(60)] + \
    [urllib.parse.quote(f"글 {n}부", safe="") for n in range(20)]
N_SERVERS = 3


class Server(http.server.ThreadingHTTPServer):
    """Answers every request with its own name."""

    def __init__(self, name):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("content-length", str(len(name)))
                self.end_headers()
                self.wfile.write(name.encode())

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def configuration(snippet, port, servers):
    return "\n".join(
        ["global", "  maxconn 200", "defaults", "  mode http", "  timeout connect 5s", "  timeout client 30s",
         "  timeout server 30s", "frontend f", f"  bind 127.0.0.1:{port}", "  default_backend b", "backend b",
         # What the controller writes before a snippet.
         "  balance roundrobin"]
        + [f"  {line}" for line in snippet.strip().splitlines()]
        + [f"  server SRV_{n} 127.0.0.1:{s.server_address[1]}" for n, s in enumerate(servers, 1)]) + "\n"


@contextlib.contextmanager
def haproxy(snippet, servers):
    """Runs HAProxy; gives a function that asks it for a path."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "haproxy.cfg")
        file.write_text(configuration(snippet, port, servers))
        process = subprocess.Popen([shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", file], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True)

        def ask(path):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.read().decode()

        try:
            while True:
                try:
                    ask("/")
                    break
                except OSError:
                    if process.poll() is not None:
                        raise RuntimeError(process.stdout.read()) from None
                    time.sleep(0.05)
            yield ask
        finally:
            process.terminate()
            process.communicate()


def check(snippet):
    """Sentences: rooms that are spread over servers, servers without a room."""
    servers = [Server(f"s{n}") for n in range(N_SERVERS)]
    try:
        with haproxy(snippet, servers) as ask:
            homes = {room: {ask(path.format(room)) for path in ROOM_PATHS} for room in ROOMS}
    except RuntimeError as error:
        return [f"HAProxy refuses the snippet: {error}"]
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
    faults = [f"room {room} is on {sorted(home)}" for room, home in homes.items() if len(home) != 1]
    n_used = len(set().union(*homes.values()))
    return faults + ([f"only {n_used} of {N_SERVERS} servers have rooms"] if n_used < N_SERVERS else [])
