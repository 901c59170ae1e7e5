"""The harness's side of a function: start it, hand it events, freeze it, kill it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

_numbers = count(1)


class Function:
    """One process that runs the handler. Between events it is frozen, as Lambda's are."""

    def __init__(self, nursery: Path, folder: Path, env: Mapping[str, str]) -> None:
        name = f"function-{next(_numbers)}"
        self.stdout, self.stderr = folder / f"{name}.out", folder / f"{name}.err"
        self.stdout.touch()
        self.stderr.touch()
        self._channel = socket.socket(socket.AF_UNIX)
        self._channel.connect(str(nursery))
        self._lines = self._channel.makefile("rw", encoding="utf-8")
        given = {"env": dict(env), "stdout": str(self.stdout), "stderr": str(self.stderr)}
        self._say(given)
        self.pid: int = json.loads(self._lines.readline())["pid"]
        self.alive = True
        self.thawing: list[threading.Timer] = []
        self.invocations = 0
        self.freeze()

    def _say(self, what: object) -> None:
        self._lines.write(json.dumps(what) + "\n")
        self._lines.flush()

    def invoke(self, event: object, seconds: float, grace: float = 2.0) -> dict[str, Any] | None:
        """What the handler gave, or None where the process died or had to be killed.

        It is killed ``grace`` seconds after its time is up, and the answer then says so.
        """
        self.invocations += 1
        self.thaw()
        self._channel.settimeout(seconds + grace)
        try:
            self._say({"event": event, "seconds": seconds, "number": f"call-{self.invocations}"})
            line = self._lines.readline()
        except TimeoutError:
            self.kill()
            return {"overdue": True, "seconds": seconds + grace, "left": -grace}
        except OSError:
            line = ""
        if not line:
            self.kill()
            return None
        self.freeze()
        said: dict[str, Any] = json.loads(line)
        return said

    def freeze(self) -> None:
        """Stop the process where it is."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def pause(self, seconds: float) -> None:
        """Freeze it for a while."""
        self.freeze()
        timer = threading.Timer(seconds, self.thaw)
        timer.daemon = True
        timer.start()
        self.thawing.append(timer)

    def kill(self) -> None:
        """End it at once, as Lambda does when its time is up."""
        self.alive = False
        self._signal(signal.SIGKILL)
        with suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Kill it and give back what it held."""
        self.kill()
        for timer in self.thawing:
            timer.cancel()
        with suppress(OSError):
            self._lines.close()
        self._channel.close()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    @property
    def peak_memory(self) -> int:
        """The most that the process has held, in MiB."""
        with suppress(OSError):
            for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) // 1024
        return 0


@contextmanager
def running_nursery(folder: Path) -> Iterator[Path]:
    """A socket to make functions at."""
    path = folder / "nursery"
    command = [sys.executable, "-m", "tests.chaos.function", str(path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n", "the functions' nursery did not start"
            yield path
        finally:
            process.kill()
