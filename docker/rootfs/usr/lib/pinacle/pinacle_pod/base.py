"""Paths, the error that is shown to people, locks and atomic files."""

import contextlib
import fcntl
import os

ETC = "/etc/pinacle"
POD_JSON = ETC + "/pod.json"
ENV_SH = ETC + "/env.sh"
SPEC_YAML = ETC + "/pinacle.yaml"
NGINX_DIR = ETC + "/nginx"
STATE = "/var/lib/pinacle"
STEPS = STATE + "/steps"
LOGS = "/var/log/pinacle"
# In memory, fresh at each boot. The first belongs to process 1, the second to the scanner of the pod's services.
RUN = "/dev/shm/pinacle"
TREE = "/dev/shm/pinacle-services"


class PodError(Exception):
    """A failure with a message for people: names the thing, the reason and what to do."""


def write_atomic(path, text, mode=0o600, owner=None):
    """Replaces `path` as a whole, on disk before it returns; `owner` is (uid, gid)."""
    write_together({path: text}, mode, owner)


def write_together(files, mode=0o600, owner=None):
    """Replaces each path as a whole by its text, all of them on disk before it returns."""
    written = {}
    try:
        for path, text in files.items():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            written[path] = "%s.%d.new" % (path, os.getpid())
            descriptor = os.open(written[path], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
                os.fchmod(file.fileno(), mode)
                if owner is not None:
                    os.fchown(file.fileno(), owner[0], owner[1])
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        for path in files:
            os.rename(written.pop(path), path)
    finally:
        for temporary in written.values():
            with contextlib.suppress(OSError):
                os.unlink(temporary)
    for parent in {os.path.dirname(path) for path in files}:
        directory = os.open(parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def make_directory(path, uid, gid):
    """Makes the directory and what is missing above it, all of them the account's own."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for directory in reversed(missing):
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory)
            os.chown(directory, uid, gid)


def read_text(path):
    """The file's text, or None when there is no such file."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def locked(path):
    """Holds an exclusive lock on `path` until the end of the block; waits for it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def quote(text):
    """`text` as one word of a POSIX shell."""
    return "'" + text.replace("'", "'\\''") + "'"
