"""What ``sam build`` makes, looked at: on any machine, for both architectures."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from layers.build import SERVICES, refuse_foreign
from tests.lambda_runtime import ROOT, SAM, Artifact

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
    bundle = folder / "bundle.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----")
    return subprocess.run(
        ["python3", ROOT / "layers" / "build.py", "layer", "dependencies", folder / "layer"],
        env={**os.environ, "RDS_CA_BUNDLE": str(bundle), **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_layer_serves_both_architectures(artifact: Artifact) -> None:
    layer = artifact.folder / "DependencyLayer"
    for package in ("psycopg_binary", "orjson"):
        assert machines(layer / "python" / package) == {"arm64", "x86_64"}
    assert (layer / "rds-ca-bundle.pem").read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert "MB zipped" in artifact.said


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_a_layer_for_one_architecture_holds_that_one_alone(
    tmp_path: Path, architecture: str
) -> None:
    habits = {"PIP_USER": "1", "PIP_REQUIRE_VIRTUALENV": "1"}
    done = build_layer(tmp_path, ARCH=architecture, **habits)
    assert done.returncode == 0, done.stderr
    assert machines(tmp_path / "layer") == {architecture}
    assert f"layer for {architecture}: " in done.stdout


def test_modules_of_another_machine_are_refused(artifact: Artifact) -> None:
    """The layer for both holds a stranger to either."""
    python = artifact.folder / "DependencyLayer" / "python"
    for architecture in ("arm64", "x86_64"):
        with pytest.raises(SystemExit, match=rf"is not compiled for {architecture} .* build again"):
            refuse_foreign(python, architecture)


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"ARCH": "amd64"}, "It takes arm64 or x86_64"),
        ({"RDS_CA_BUNDLE": "/nowhere.pem"}, "RDS_CA_BUNDLE=/path/to/global-bundle.pem"),
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


def test_a_checkout_in_a_folder_with_spaces_builds(tmp_path: Path) -> None:
    checkout = tmp_path / "my own projects"
    for part in ("src", "layers"):
        shutil.copytree(ROOT / part, checkout / part)
    shutil.copy(ROOT / "template.yaml", checkout)

    def sam_build(resource: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SAM / "bin" / "sam", "build", resource],
            cwd=checkout,
            env={**os.environ, "SAM_CLI_TELEMETRY": "0", "ARCH": "amd64"},
            capture_output=True,
            text=True,
            check=False,
        )

    done = sam_build("SchemaResourceFunction")
    assert done.returncode == 0, done.stderr
    built = checkout / ".aws-sam" / "build" / "SchemaResourceFunction"
    assert (built / "ingest_fn" / "deploy" / "custom_resource.py").exists()
    assert "It takes arm64 or x86_64" in sam_build("MigrationLayer").stderr


def test_every_module_is_compiled_and_trusted_without_a_look_at_its_source(
    artifact: Artifact,
) -> None:
    sources = [path for path in artifact.folder.rglob("*.py") if "__pycache__" not in path.parts]
    tag = f"cpython-{artifact.version.replace('.', '')}"
    for source in sources:
        compiled = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        assert int.from_bytes(compiled.read_bytes()[4:8], "little") == UNCHECKED_HASH
    assert len(sources) > 500


def test_a_machine_without_the_runtimes_python_is_told_what_that_costs(tmp_path: Path) -> None:
    done = subprocess.run(
        ["python3", ROOT / "layers" / "build.py", "compile", tmp_path],
        env={**os.environ, "PYTHON_VERSION": "3.99"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "not precompiled, for want of a Python 3.99" in done.stdout
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
