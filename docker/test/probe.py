#!/usr/bin/env python3
"""Both ends of the image's routing tests, with the standard library alone.

probe.py serve ADDRESS PORT            HTTP server: echoes what it was asked as JSON; upgrades to a WebSocket that echoes
probe.py websocket PORT HOST COUNT [PAUSE]  client through the router on 127.0.0.1:PORT; prints "ok"
probe.py upgrade PORT HOST PATH [HEADER...]  asks for a WebSocket; prints the status code
probe.py load PORT HOST PATH THREADS S  kept-alive requests; prints p50 in ms and requests a second
"""

import base64
import hashlib
import json
import os
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def read_exactly(stream, count):
    data = stream.read(count)
    if len(data) != count:
        raise EOFError
    return data


def read_frame(stream):
    first, second = read_exactly(stream, 2)
    size = second & 127
    if size == 126:
        size = struct.unpack(">H", read_exactly(stream, 2))[0]
    elif size == 127:
        size = struct.unpack(">Q", read_exactly(stream, 8))[0]
    mask = read_exactly(stream, 4) if second & 128 else b"\0\0\0\0"
    data = read_exactly(stream, size)
    if second & 128:
        data = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
    return first & 15, data


def frame(kind, data, masked):
    size = len(data)
    flag = 128 if masked else 0
    head = bytes([128 | kind])
    if size < 126:
        head += bytes([flag | size])
    elif size < 65536:
        head += bytes([flag | 126]) + struct.pack(">H", size)
    else:
        head += bytes([flag | 127]) + struct.pack(">Q", size)
    if not masked:
        return head + data
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))


def accept_key(key):
    return base64.b64encode(hashlib.sha1((key + MAGIC).encode()).digest()).decode()


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.headers.get("Upgrade", "").lower() == "websocket":
            return self.websocket()
        if self.path == "/slow":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for _ in range(3):
                self.wfile.write(b"5\r\ntick\n\r\n")
                self.wfile.flush()
                time.sleep(0.5)
            self.wfile.write(b"0\r\n\r\n")
            return None
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "http://%s/there" % self.headers["Host"])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        if self.path == "/close":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return None
        return self.answer(self.body())

    do_POST = do_PUT = do_DELETE = do_GET

    def body(self):
        digest, size = hashlib.sha256(), 0
        left = int(self.headers.get("Content-Length") or 0)
        if self.headers.get("Transfer-Encoding") == "chunked":
            while (count := int(self.rfile.readline(), 16)) > 0:
                data = self.rfile.read(count)
                digest.update(data)
                size += count
                self.rfile.readline()
            self.rfile.readline()
        while left > 0:
            data = self.rfile.read(min(left, 1 << 20))
            if not data:
                break
            digest.update(data)
            size += len(data)
            left -= len(data)
        return {"bytes": size, "sha256": digest.hexdigest()}

    def answer(self, body):
        data = json.dumps({
            "method": self.command, "path": self.path, "family": self.server.address_family.name, "port": self.server.server_port,
            "headers": {key.lower(): value for key, value in self.headers.items()}, "body": body,
        }).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def websocket(self):
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept_key(self.headers["Sec-WebSocket-Key"]))
        self.end_headers()
        self.close_connection = True
        try:
            while True:
                kind, data = read_frame(self.rfile)
                self.wfile.write(frame(kind, data, False))
                self.wfile.flush()
                if kind == 8:
                    return
        except (EOFError, OSError):
            return


def serve(address, port):
    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        daemon_threads = True
        request_queue_size = 256

    Server((address, int(port)), Echo).serve_forever()


def websocket(port, host, count, pause="0"):
    with socket.create_connection(("127.0.0.1", int(port)), timeout=15) as link:
        key = base64.b64encode(os.urandom(16)).decode()
        link.sendall((
            "GET /ws HTTP/1.1\r\nHost: %s\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n" % (host, key)
        ).encode())
        stream = link.makefile("rb")
        status = stream.readline().decode()
        headers = {}
        while line := stream.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        assert " 101 " in status, status
        assert headers["sec-websocket-accept"] == accept_key(key), headers
        for index in range(int(count)):
            sent = os.urandom(1 if index % 2 else 70000)
            link.sendall(frame(2, sent, True))
            assert read_frame(stream) == (2, sent)
            time.sleep(float(pause))
        link.sendall(frame(8, b"", True))
        assert read_frame(stream)[0] == 8
    print("ok")


def upgrade(port, host, path, *headers):
    with socket.create_connection(("127.0.0.1", int(port)), timeout=15) as link:
        lines = ["GET %s HTTP/1.1" % path, "Host: " + host, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", "Sec-WebSocket-Protocol: tty", *headers, "", ""]
        link.sendall("\r\n".join(lines).encode())
        print(link.makefile("rb").readline().decode().split()[1])


def load(port, host, path, threads, seconds):
    from http.client import HTTPConnection, RemoteDisconnected

    times, lock = [], threading.Lock()
    end = time.monotonic() + float(seconds)

    def work():
        mine = []
        link = HTTPConnection("127.0.0.1", int(port))
        while time.monotonic() < end:
            start = time.perf_counter()
            try:
                link.request("GET", path, headers={"Host": host})
                reply = link.getresponse()
            except (RemoteDisconnected, ConnectionError):
                # An idle connection that the server gave up; a browser asks again just so, once.
                link.close()
                link.request("GET", path, headers={"Host": host})
                reply = link.getresponse()
            reply.read()
            assert reply.status == 200, reply.status
            mine.append(time.perf_counter() - start)
        with lock:
            times.extend(mine)

    workers = [threading.Thread(target=work) for _ in range(int(threads))]
    start = time.monotonic()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    times.sort()
    print("%.3f %.0f" % (times[len(times) // 2] * 1000, len(times) / (time.monotonic() - start)))


if __name__ == "__main__":
    {"serve": serve, "websocket": websocket, "upgrade": upgrade, "load": load}[sys.argv[1]](*sys.argv[2:])
