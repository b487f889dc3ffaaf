"""Runs scripts of this folder, each in a process that has torch, transformers and peft in memory: to import them takes seconds.

Its one argument is the path of the socket to listen at. A connection carries one line of JSON (script, arguments, directory,
environment), and brings one back (status, stdout, stderr). It ends when its stdin does.
"""

import json
import os
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import traceback

os.environ["HF_HUB_OFFLINE"] = "1"  # as reference.py has it; read when transformers is imported

import peft  # noqa: F401
import torch  # noqa: F401
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: F401


def run(script: str, arguments: list[str]) -> int:
    """What `python3 script arguments` would end with."""
    sys.argv = [script, *arguments]
    sys.path[0] = os.path.dirname(script)
    try:
        runpy.run_path(script, run_name="__main__")
        return 0
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1


def answer(connection: socket.socket) -> None:
    with connection.makefile("r", encoding="utf-8") as lines:
        request = json.loads(lines.readline())
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(stdout.fileno(), 1)
        os.dup2(stderr.fileno(), 2)
        status = run(request["script"], request["arguments"])
        sys.stdout.flush()
        sys.stderr.flush()
        written = {}
        for name, file in (("stdout", stdout), ("stderr", stderr)):
            file.seek(0)
            written[name] = file.read().decode("utf-8", "replace")
    connection.sendall((json.dumps({"status": status, **written}) + "\n").encode())
    connection.close()


def main() -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(sys.argv[1])
    listening.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that have answered
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    print("listening", flush=True)
    with selectors.DefaultSelector() as selector:
        selector.register(listening, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    return
                connection, _ = listening.accept()
                if os.fork() == 0:
                    try:
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        selector.close()
                        listening.close()
                        answer(connection)
                    finally:
                        os._exit(0)
                connection.close()


if __name__ == "__main__":
    main()
