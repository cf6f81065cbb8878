"""The supervised services: their directories in memory, and the verbs on them."""

import hashlib
import json
import os
import signal
import subprocess
import time

from .base import ENV_SH, LOGS, TREE, PodError, locked, quote, read_text
from .spec import account

LOCK = "/dev/shm/pinacle-services.lock"
# What runs is linked from here: the memory file system does not allow programs.
PROGRAMS = "/usr/lib/pinacle/"


def lock():
    """Serialises everything that changes services or routing."""
    return locked(LOCK)


def directory(name):
    """The service's directory under supervision."""
    return os.path.join(TREE, name)


def definition_hash(service, pod):
    """Changes exactly when the running process would have to be another one."""
    facts = [service[key] for key in ("command", "workingDir", "user", "env")] + [pod["env"]]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def environment(service, pod):
    """The variables that the service gets on top of the container's own."""
    person = account(service["user"], "service " + service["name"])
    variables = {"HOME": person.pw_dir, "USER": person.pw_name, "LOGNAME": person.pw_name, "SHELL": "/bin/bash"}
    variables.update(pod["env"])
    variables.update(service["env"])
    return variables


def _launch(service, pod, ports):
    depends = " ".join("%s:%d" % (name, ports.get(name) or 0) for name in service["dependsOn"])
    lines = ["export %s=%s" % (key, quote(value)) for key, value in environment(service, pod).items()]
    lines += [
        "service_depends=" + quote(depends),
        "service_dir=" + quote(service["workingDir"]),
        "service_user=" + quote(service["user"]),
        "service_command=" + quote(service["command"]),
    ]
    return "\n".join(lines) + "\n"


def _put(path, text, mode=0o600):
    if read_text(path) == text:
        return False
    with open(path + ".new", "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    os.chmod(path + ".new", mode)
    os.rename(path + ".new", path)
    return True


def _link(path, program):
    if not os.path.islink(path):
        os.symlink(PROGRAMS + program, path)


def define(service, pod, ports):
    """Writes the service's directory; True when anything in it changed. Does not touch a running process."""
    name = service["name"]
    target = directory(name)
    os.makedirs(target + "/log", mode=0o700, exist_ok=True)
    logs = os.path.join(LOGS, "." + name)
    os.makedirs(logs, mode=0o700, exist_ok=True)
    link = os.path.join(LOGS, name + ".log")
    if not os.path.islink(link):
        os.symlink(".%s/current" % name, link)
    _link(target + "/log/run", "run-log")
    _link(target + "/finish", "finish-service")
    _put(target + "/timeout-kill", "2500\n")
    _put(target + "/timeout-finish", "10000\n")
    changed = _put(target + "/launch", _launch(service, pod, ports))
    _put(target + "/hash", definition_hash(service, pod))
    _link(target + "/run", "run-service")
    return changed


def defined():
    """Names of the services under supervision."""
    try:
        return sorted(entry for entry in os.listdir(TREE) if not entry.startswith("."))
    except FileNotFoundError:
        return []


def rescan(forget=False):
    """Has the scanner take in new directories (and drop vanished ones); waits up to 15 s for it at boot."""
    deadline = time.monotonic() + 15
    while True:
        done = subprocess.run(["s6-svscanctl", "-an" if forget else "-a", TREE], capture_output=True, check=False)
        if done.returncode == 0:
            return
        if time.monotonic() > deadline:
            raise PodError("the service supervisor does not answer: %s" % done.stderr.decode(errors="replace").strip())
        time.sleep(0.05)


def await_supervisor(name):
    """Waits until the service is supervised, up to 10 s."""
    deadline = time.monotonic() + 10
    while subprocess.run(["s6-svok", directory(name)], check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise PodError("service %s: no supervisor came up within 10 s" % name)
        time.sleep(0.03)


def _control(name, *options):
    done = subprocess.run(["s6-svc", *options, directory(name)], capture_output=True, check=False)
    # 99 and 100+ are usage or system errors; 1 is a wait that timed out, which the caller sees from the state.
    if done.returncode not in (0, 1, 99):
        raise PodError("service %s: %s" % (name, done.stderr.decode(errors="replace").strip()))


def stop(name):
    """Ends the service and everything it left in its process group; returns once it is down (at most 12 s)."""
    target = directory(name)
    _put(target + "/down", "")
    leader = read_text(target + "/leader")
    _control(name, "-d")
    # The supervisor signals the leader alone, often a shell that would leave its child no time.
    if leader and leader.strip().isdigit():
        try:
            os.killpg(int(leader), signal.SIGTERM)
        except (ProcessLookupError, PermissionError):
            pass
    _control(name, "-wD", "-T", "12000", "-d")


def start(name):
    """Wants the service up, without any wait left over from earlier failures."""
    target = directory(name)
    for leftover in ("down", "launched", "fails"):
        if os.path.exists(os.path.join(target, leftover)):
            os.unlink(os.path.join(target, leftover))
    _control(name, "-u")


def remove(name):
    """Stops the service and forgets it; its log stays."""
    target = directory(name)
    stop(name)
    grave = os.path.join(TREE, ".gone-%s-%d" % (name, os.getpid()))
    os.rename(target, grave)
    rescan(forget=True)
    deadline = time.monotonic() + 5
    while subprocess.run(["s6-svok", grave], check=False).returncode == 0 and time.monotonic() < deadline:
        time.sleep(0.03)
    _remove_tree(grave)


def _remove_tree(path):
    # Loaded here: most commands do without, and it takes a while.
    import shutil

    shutil.rmtree(path, ignore_errors=True)


def boot(pod):
    """Fills the tree from the stored description, before the scanner starts."""
    _remove_tree(TREE)
    os.makedirs(TREE, mode=0o700)
    ports = {service["name"]: service["port"] for service in pod["services"]}
    for service in pod["services"]:
        define(service, pod, ports)


def write_environment(pod, write):
    """Stores the pod's variables for shells, readable by the pod's user alone."""
    text = "".join("export %s=%s\n" % (key, quote(value)) for key, value in pod["env"].items())
    person = account(pod["user"], "pod")
    write(ENV_SH, text, 0o600, (person.pw_uid, person.pw_gid))
