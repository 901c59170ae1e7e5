"""The tests. Assertions in the suites that several test modules share are explained too."""

import pytest

pytest.register_assert_rewrite("tests.postgres_suite", "tests.stores")
