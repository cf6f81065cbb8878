#!/usr/bin/env python3
"""A client of pinacled in the standard library of Python 3.

    client.py list
    client.py create SPEC [SOURCE_DIR]     make a pod, wait for it, print its address
    client.py wait POD                     wait until its newest operation has ended
    client.py journal POD                  what was run for it, as it comes
    client.py events                       what happens, by long polls, until Ctrl-C
"""

import json
import os
import socket
import sys
import uuid


class ApiError(Exception):
    def __init__(self, error):
        super().__init__(": ".join([error["message"], *error.get("causes", [])]))
        self.kind, self.hint = error["kind"], error.get("hint")


def socket_path():
    env, mac = os.environ.get, sys.platform == "darwin"
    below = "Library/Application Support/pinacle" if mac else ".local/state/pinacle"
    bases = (env("XDG_STATE_HOME", ""), "pinacle"), (env("HOME", ""), below)
    found = [f"{base}/{name}" for base, name in bases if os.path.isabs(base)]
    state = env("PINACLE_STATE_DIR") or (found + ["/var/lib/pinacle"])[0]
    return env("PINACLE_SOCKET") or state + "/pinacled.sock"


class Connection:
    """One connection: the hello, then a line each way as often as you like."""

    def __init__(self, mode):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(socket_path())
        self.lines = self.socket.makefile("r", encoding="utf-8", newline="\n")
        self.send({"pinacle": 1, "mode": mode, "client": "client.py"})
        hello = self.receive()
        if "error" in hello:
            raise ApiError(hello["error"])

    def send(self, value):
        self.socket.sendall(json.dumps(value).encode() + b"\n")

    def receive(self):
        line = self.lines.readline()
        if not line:
            raise ConnectionError("the daemon closed the connection")
        return json.loads(line)

    def call(self, name, **args):
        self.send({"id": 1, "call": name, "args": args})
        answer = self.receive()
        if "error" in answer:
            raise ApiError(answer["error"])
        return answer["ok"]


def wait(rpc, accepted):
    """Waits for an operation, however long it takes; returns how it ended."""
    while accepted["operation"]:
        operation = rpc.call("operation_wait", id=accepted["operation"], wait_ms=25_000)
        if operation["status"] in ("succeeded", "failed", "cancelled"):
            if "error" in operation:
                raise ApiError(operation["error"])
            return operation["status"]
    return "succeeded"


def show_pods():
    for pod in Connection("rpc").call("inventory")["pods"]:
        print(f'{pod["slug"]:20} {pod["phase"]:12} {pod.get("url", "")}')


def create(spec, source_dir=None):
    rpc = Connection("rpc")
    with open(spec, encoding="utf-8") as file:
        request = {"spec_text": file.read()}
    request["default_name"] = os.path.basename(os.path.dirname(os.path.abspath(spec)))
    if source_dir:
        request["source_dir"] = os.path.abspath(source_dir)
    # The same id again, after a lost answer, gives the same pod and not another.
    accepted = rpc.call("pod_create", request_id=str(uuid.uuid4()), **request)
    print(wait(rpc, accepted), file=sys.stderr)
    print(rpc.call("pod", pod=accepted["pod"])["pod"].get("url", ""))


def wait_for(pod):
    rpc = Connection("rpc")
    newest = rpc.call("pod", pod=pod)["operations"][:1]
    print(wait(rpc, {"operation": newest and newest[0]["id"]}))


def journal(pod):
    stream = Connection("stream")
    stream.send({"stream": "journal", "pod": pod, "follow": True})
    while (frame := stream.receive())["frame"] != "end":
        if frame["frame"] == "error":
            raise ApiError(frame)
        if frame["frame"] == "gap":
            print(f'[{frame.get("missed") or "some"} records are gone]')
        for record in frame.get("records", []):
            if record["type"] == "begin":
                print("$", record["container_line"] or record["line"])
            elif record["type"] == "output":
                print(record["text"], end="")
            elif record["type"] == "end" and record["exit_code"] != 0:
                print("Exit code:", record["exit_code"])
        sys.stdout.flush()


def events():
    rpc = Connection("rpc")
    cursor = rpc.call("inventory")["cursor"]
    while True:
        batch = rpc.call("events_since", after=cursor, wait_ms=25_000)
        if batch["gap"]:
            print("[events are gone: read the inventory again]")
        for event in batch["events"]:
            subject = event.get("pod") or event.get("host") or event.get("operation") or {}
            print(event["type"], subject.get("slug") or subject.get("id") or event.get("id"),
                  subject.get("phase") or subject.get("status") or "", flush=True)
        cursor = batch["next"]


COMMANDS = {  # and how many arguments each takes
    "list": (show_pods, 0, 0), "create": (create, 1, 2), "wait": (wait_for, 1, 1),
    "journal": (journal, 1, 1), "events": (events, 0, 0)}


def main(name="", *arguments):
    command, least, most = COMMANDS.get(name, (None, 1, 0))
    if not least <= len(arguments) <= most:
        sys.exit(__doc__)
    try:
        command(*arguments)
    except ApiError as error:
        sys.exit(f"{error.kind}: {error}" + (f"\n{error.hint}" if error.hint else ""))
    except OSError as error:
        sys.exit(f"daemon_unreachable: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main(*sys.argv[1:])
