"""Commands that run once: their exit code is kept, so that asking again after a crash reports it instead of running twice."""

import os
import re
import signal
import subprocess
import sys
import time

from .base import STEPS, PodError, locked, make_directory, read_text, write_atomic
from .spec import account, current

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")


def _file(key, kind):
    if not KEY.match(key):
        raise PodError("step: %r cannot be a key; use letters, digits, '.', '_' and '-'" % key)
    return os.path.join(STEPS, key + "." + kind)


def as_user(user, what):
    """(account, function for a child that becomes that user)."""
    person = account(user, what)

    def become():
        if person.pw_uid != os.getuid():
            os.initgroups(person.pw_name, person.pw_gid)
            os.setgid(person.pw_gid)
            os.setuid(person.pw_uid)

    return person, become


def shell(command, directory, user, extra=None, **options):
    """Starts `command` in a login shell with the pod's environment, in `directory`, which is made if missing."""
    person, become = as_user(user, "command")
    variables = dict(os.environ, HOME=person.pw_dir, USER=person.pw_name, LOGNAME=person.pw_name, PINACLE_ENV_READY="1")
    variables.update(current()["env"])
    variables.update(extra or {})
    make_directory(directory, person.pw_uid, person.pw_gid)
    return subprocess.Popen(["bash", "-lc", "--", command], cwd=directory, env=variables, preexec_fn=become, **options)


def forget(key):
    """Lets the step run again."""
    path = _file(key, "rc")
    if os.path.exists(path):
        os.unlink(path)


def run(key, directory, user, command):
    """Runs the step unless it has ended before, and returns its exit code; a second caller waits and gets the same."""
    record = _file(key, "rc")
    os.makedirs(STEPS, mode=0o700, exist_ok=True)
    with locked(_file(key, "lock")):
        before = read_text(record)
        if before is not None and before.strip().isdigit():
            return int(before)
        try:
            process = shell(command, directory, user, stdin=subprocess.DEVNULL)
        except OSError as error:
            raise PodError("step %s: cannot start in %s: %s" % (key, directory, error)) from None
        # Whoever interrupts this process means the command; its end decides what is recorded.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda received, _: process.poll() is None and process.send_signal(received))
        code = process.wait()
        if code == -signal.SIGKILL:
            # When the whole pod is being ended this process is next: then nothing must be recorded.
            sys.stdout.flush()
            time.sleep(0.5)
        code = code if code >= 0 else 128 - code
        write_atomic(record, "%d\n" % code)
        return code
