"""What ``sam build`` makes, looked at: on any machine, for both architectures."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from layers.bytecode import candidates
from layers.wheels import SERVICES, refuse_foreign
from tests.lambda_runtime import ROOT, Artifact, build

MACHINES = {183: "arm64", 62: "x86_64"}
UNCHECKED_HASH = 1


def machines(folder: Path) -> set[str]:
    """What the compiled modules of ``folder`` are for, by their ELF header."""
    return {
        MACHINES[int.from_bytes(path.read_bytes()[18:20], "little")]
        for path in folder.rglob("*.so*")
    }


def build_layer(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """The dependency layer alone, by the Python that a person's shell finds first."""
    return subprocess.run(
        ["python3", "-m", "layers.build", "layer", "dependencies", folder / "layer"],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_layer_serves_both_architectures(artifact: Artifact) -> None:
    layer = artifact.folder / "DependencyLayer"
    for package in ("psycopg_binary", "orjson"):
        assert machines(layer / "python" / package) == {"arm64", "x86_64"}
    bundle = (layer / "rds-ca-bundle.pem").read_text()
    assert bundle == "".join(
        path.read_text() for path in sorted((ROOT / "layers" / "rds-ca").glob("*.pem"))
    )
    assert "MB zipped" in artifact.said


def test_a_bundle_of_one_s_own_takes_the_place_of_ours(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----")
    done = build_layer(tmp_path, ARCH="x86_64", RDS_CA_BUNDLE=str(bundle), PIP_NO_INDEX="1")
    assert done.returncode == 1  # without an index there is nothing to install
    assert (tmp_path / "layer" / "rds-ca-bundle.pem").read_text() == bundle.read_text()


def test_a_layer_for_one_architecture_holds_that_one_alone(tmp_path: Path) -> None:
    architecture = "arm64"
    done = build_layer(tmp_path, ARCH=architecture)
    assert done.returncode == 0, done.stderr
    assert machines(tmp_path / "layer") == {architecture}
    assert f"layer for {architecture}: " in done.stdout


def test_modules_of_another_machine_are_refused(artifact: Artifact) -> None:
    """The layer for both holds a stranger to either."""
    python = artifact.folder / "DependencyLayer" / "python"
    for architecture in ("arm64", "x86_64"):
        with pytest.raises(SystemExit, match=rf"is not compiled for {architecture} .* build again"):
            refuse_foreign(python, architecture, artifact.version)


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"ARCH": "amd64"}, "It takes arm64 or x86_64"),
        ({"RDS_CA_BUNDLE": "/nowhere.pem"}, "RDS_CA_BUNDLE, /nowhere.pem"),
        ({"RDS_CA_BUNDLE": "/dev/null"}, "is no bundle of certificates"),
        ({"PYTHON_VERSION": "2.6"}, "PYTHON=python3.13"),
    ],
)
def test_a_build_that_cannot_be_right_fails_with_the_mend(
    tmp_path: Path, env: dict[str, str], said: str
) -> None:
    done = build_layer(tmp_path, **{"ARCH": "x86_64", **env})
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def clone(folder: Path) -> Path:
    """What a build needs of the project, elsewhere."""
    for part in ("src", "layers", "statemachines"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "template.yaml", folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "template.yaml"
    }


def test_another_clone_builds_the_same_bytes(artifact: Artifact, tmp_path: Path) -> None:
    """In a folder with a space and a letter beyond ASCII, by a person with habits and a umask.

    CloudFormation updates a function whose bytes differ, so two colleagues who take turns would
    change everything each time.
    """
    habits = {
        "PIP_USER": "1",
        "PIP_PREFIX": str(tmp_path / "prefix"),
        "PIP_CONSTRAINT": str(tmp_path / "there-is-none.txt"),
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PYENV_ROOT": "/root/of/another/user",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(tmp_path),
        "PYTHONSAFEPATH": "1",
        "PYTHON": sys.executable,
        "LAMBDA_PYTHON": artifact.python,
    }
    old = os.umask(0o077)
    try:
        checkout = clone(tmp_path / "meine eigenen Übungen")
        said = build(tmp_path / "again", checkout, PYTHON_VERSION=artifact.version, **habits)
    finally:
        os.umask(old)
    assert "Build Succeeded" in said
    one, other = contents(artifact.folder), contents(tmp_path / "again")
    assert len(one) > 1_000
    assert [name for name in one if one[name] != other.get(name)] == []
    assert one.keys() == other.keys()


def test_a_python_of_another_user_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listing pyenv's folder of somebody else raises PermissionError."""

    def refuse(path: Path, pattern: str) -> list[Path]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.delenv("LAMBDA_PYTHON", raising=False)
    monkeypatch.setattr(Path, "glob", refuse)
    assert list(candidates("3.99")) == [sys.executable, "python3.99"]


def test_every_module_is_compiled_and_trusted_without_a_look_at_its_source(
    artifact: Artifact,
) -> None:
    sources = [path for path in artifact.folder.rglob("*.py") if "__pycache__" not in path.parts]
    tag = f"cpython-{artifact.version.replace('.', '')}"
    for source in sources:
        compiled = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        assert int.from_bytes(compiled.read_bytes()[4:8], "little") == UNCHECKED_HASH
    assert len(sources) > 500


def test_a_machine_without_the_runtimes_python_builds_without_byte_code(tmp_path: Path) -> None:
    """Byte-code of another version would be of no use: docs/decisions/0010-byte-code.md."""
    (tmp_path / "module.py").write_text("")
    done = subprocess.run(
        ["python3", "-m", "layers.build", "compile", tmp_path],
        cwd=ROOT,
        env={**os.environ, "PYTHON_VERSION": "3.99"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "not precompiled, for want of a Python 3.99" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["module.py"]
    assert len(done.stdout.splitlines()) == 1


def test_each_function_is_given_its_part_of_the_package(artifact: Artifact) -> None:
    given = {
        function.name: {path.name for path in (function / "ingest_fn").iterdir()}
        for function in artifact.folder.glob("*Function")
    }
    by_hand = {"__main__.py", "cli", "local"}
    schema = {"deploy"}
    assert {"app.py", "ingester.py", "postgres"} <= given["IngestFunction"]
    assert not given["IngestFunction"] & (by_hand | schema | {"fan_out"})
    for function in ("PlanFunction", "SummaryFunction"):
        assert {"ingester.py", "fan_out"} <= given[function]
        assert not given[function] & (by_hand | schema | {"app.py"})
    assert schema <= given["MigrateFunction"]
    assert not given["MigrateFunction"] & (by_hand | {"app.py", "cloudwatch", "fan_out"})
    assert given["SchemaResourceFunction"] - {"__pycache__"} == {
        *("__init__.py", "aws", "deploy", "errors.py"),
    }


def clients_made(folder: Path) -> set[str]:
    """The services that the code below ``folder`` makes clients of, by name."""
    return {
        call.args[0].value
        for path in folder.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in {"make", "create_client"}
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


def test_the_layer_knows_every_service_that_the_functions_call(artifact: Artifact) -> None:
    needed = set[str]().union(*map(clients_made, artifact.folder.glob("*Function")))
    assert needed == set(SERVICES)
    program = (
        f"import sys; sys.path.insert(0, {str(artifact.folder / 'DependencyLayer' / 'python')!r})\n"
        "import botocore.session\n"
        "session = botocore.session.get_session()\n"
        f"for service in {sorted(needed)}:\n"
        "    session.create_client(service, region_name='eu-central-1')\n"
    )
    done = subprocess.run(
        [artifact.python, "-I", "-S", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
