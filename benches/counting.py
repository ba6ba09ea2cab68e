"""A proxy on loopback that passes bytes on, and counts those of the client and the HTTP requests in them."""

import re
import socket
import threading
import urllib.parse

# Our requests are HTTP/1.1 without bodies when nothing is left to do, so request lines are all that can match.
REQUEST = re.compile(rb"(?:^|\r\n\r\n)[A-Z]+ [^ \r\n]+ HTTP/1\.1\r\n")


class Proxy:
    """Use as a context; `url` is where to knock, `requests` how often somebody did, `bytes` what they sent."""

    def __init__(self, url, port=0):
        there = urllib.parse.urlsplit(url)
        self.there = (there.hostname, there.port)
        self.listener = socket.create_server(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}{there.path}"
        self.requests = self.bytes = 0

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.there)
            threading.Thread(target=self.pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, False), daemon=True).start()

    def pump(self, source, target, counts):
        while chunk := source.recv(1 << 16):
            if counts:
                self.requests += len(REQUEST.findall(chunk))
                self.bytes += len(chunk)
            target.sendall(chunk)
        try:
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side was faster
