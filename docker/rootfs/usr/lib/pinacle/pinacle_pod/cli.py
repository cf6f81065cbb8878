"""The command line of `pinacle-pod`."""

import json
import os
import sys

from .base import LOGS, PodError

USAGE = """usage: pinacle-pod apply < pod.json
       pinacle-pod status | ports
       pinacle-pod start NAME | stop NAME | restart NAME
       pinacle-pod log NAME [-n LINES]
       pinacle-pod healthy NAME --timeout SECONDS [--delay SECONDS] [--interval SECONDS]
       pinacle-pod ticket PORT
       pinacle-pod step KEY --dir DIR [--user USER] -- COMMAND
       pinacle-pod step --forget KEY
"""


def _options(arguments, names):
    """Splits `--name value` options, up to `--`, from the other words."""
    found, rest = {}, []
    words = list(arguments)
    while words:
        word = words.pop(0)
        if word == "--":
            rest.append(" ".join(words))
            break
        if word in names:
            if not words:
                raise PodError("%s needs a value\n%s" % (word, USAGE))
            found[word] = words.pop(0)
        else:
            rest.append(word)
    return found, rest


def _number(options, name, default):
    try:
        value = float(options.get(name, default))
    except ValueError:
        raise PodError("%s must be a number, got %r" % (name, options[name])) from None
    if not 0 <= value <= 86400:
        raise PodError("%s must be between 0 and 86400, got %g" % (name, value))
    return value


def _one(arguments):
    if len(arguments) != 1:
        raise PodError(USAGE.rstrip())
    return arguments[0]


def _apply(_):
    from . import apply

    return apply.apply(sys.stdin.buffer.read().decode("utf-8", "surrogateescape"))


def _boot(_):
    from . import spec, supervision

    with supervision.lock():
        supervision.boot(spec.current())
    return 0


def _router_defaults(_):
    from . import router, spec

    router.write(spec.parse('{"version":1}'))
    return 0


def _status(_):
    from . import router, spec, status

    ports = status.listening(router.known(spec.current()))
    print(json.dumps({"services": status.services(), "ports": ports}))
    return 0


def _ports(_):
    from . import router, spec, status

    pod = spec.current()
    named = {service["port"]: service["name"] for service in pod["services"] if service["port"]}
    holders = status.owners()
    found = status.listening(router.known(pod))
    print(json.dumps([{"port": port, "service": holders.get(port) or named.get(port)} for port in found]))
    return 0


def _verb(verb):
    def perform(arguments):
        from . import spec, supervision

        name = spec.service_named(_one(arguments))["name"]
        supervision.rescan()
        supervision.await_supervisor(name)
        with supervision.lock():
            if verb != "start":
                supervision.stop(name)
            if verb != "stop":
                supervision.start(name)
        print("%s %s" % ({"start": "started", "stop": "stopped", "restart": "restarted"}[verb], name))
        return 0

    return perform


def _log(arguments):
    from collections import deque

    from . import spec

    options, rest = _options(arguments, ("-n",))
    name = _one(rest)
    if not spec.NAME.match(name):
        raise PodError("log: %r is not the name of a service" % name)
    wanted = int(_number(options, "-n", 200))
    directory = os.path.join(LOGS, "." + name)
    if not os.path.isdir(directory):
        raise PodError("there is no log of a service %r" % name)
    files = sorted(entry for entry in os.listdir(directory) if entry.startswith("@")) + ["current"]
    lines = deque(maxlen=wanted)
    for file in files:
        path = os.path.join(directory, file)
        if os.path.exists(path):
            with open(path, "rb") as stream:
                lines.extend(stream)
    sys.stdout.buffer.writelines(lines)
    return 0


def _healthy(arguments):
    from . import health

    options, rest = _options(arguments, ("--timeout", "--delay", "--interval"))
    return health.wait(
        _one(rest), _number(options, "--timeout", 30), _number(options, "--delay", 0), max(0.05, _number(options, "--interval", 1))
    )


def _step(arguments):
    from . import step

    options, rest = _options(arguments, ("--dir", "--user", "--forget"))
    if "--forget" in options and not rest:
        step.forget(options["--forget"])
        return 0
    if len(rest) != 2 or "--dir" not in options:
        raise PodError(USAGE.rstrip())
    return step.run(rest[0], options["--dir"], options.get("--user", "root"), rest[1])


def _ticket(arguments):
    from . import access, spec

    port = int(_number({"PORT": _one(arguments)}, "PORT", 0))
    ticket = access.issue() if access.key() and port in access.shells(spec.current()) else None
    path = "/.pinacle/enter?ticket=" + ticket if ticket else None
    print(json.dumps({"path": path, "seconds": access.SECONDS if ticket else None}))
    return 0


def _page(_):
    from . import page

    return page.main()


COMMANDS = {
    "apply": _apply, "boot": _boot, "router-defaults": _router_defaults, "status": _status, "ports": _ports, "log": _log,
    "start": _verb("start"), "stop": _verb("stop"), "restart": _verb("restart"), "healthy": _healthy, "ticket": _ticket, "step": _step, "page": _page,
}


def main(arguments):
    """Runs one command and returns its exit code: 2 for wrong use, 1 for a failure, else the command's own."""
    command = COMMANDS.get(arguments[0]) if arguments else None
    if command is None:
        sys.stderr.write(USAGE)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    os.umask(0o022)
    try:
        return command(arguments[1:])
    except PodError as error:
        sys.stderr.write("pinacle-pod: %s\n" % error)
        return 1
    except OSError as error:
        sys.stderr.write("pinacle-pod: %s: %s\n" % (arguments[0], error))
        return 1
