"""What is generated in README.md and docs/ is what the code, the database and a run say today."""

from __future__ import annotations

import subprocess
import sys

from tests.docs.pages import PAGES, ROOT


def test_the_generated_parts_are_up_to_date() -> None:
    pages = [page for page in PAGES if "[[[cog" in page.read_text(encoding="utf-8")]
    assert len(pages) >= 5
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "cogapp",
                "--check",
                "--diff",
                "--verbosity=0",
                "-P",
                "-I",
                ".",
            ),
            *("-p", "from tests.docs import tables", "--check-fail-msg=Run: make docs"),
            *pages,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
