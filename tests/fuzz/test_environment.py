"""Any environment: it is taken, or refused by the variable's name."""

from __future__ import annotations

import os
from typing import Any
from unittest.mock import patch

from hypothesis import example, given
from hypothesis import strategies as st

from ingest_fn.ingester import Ingester
from tests.fuzz.conftest import Context, Playground, inputs
from tests.fuzz.corpus import ENVIRONMENTS
from tests.fuzz.outcome import SECRETS, tried_by
from tests.fuzz.strategies import ODD_TEXT

SECRET = SECRETS["database"]
odd = st.one_of(
    st.sampled_from([text for text in ODD_TEXT if "\0" not in text and "\ud83d" not in text]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30),
)
URLS = (
    f"postgresql://u:{SECRET}@127.0.0.1:1/d",
    f"postgresql://u:{SECRET}@127.0.0.1:1/d?nonsense=1",
    f"postgresql://u:{SECRET}@127.0.0.1:1/d?sslmode=never",
    f"postgresql://u:{SECRET}@127.0.0.1:x/d",
    f"postgresql://u:{SECRET}@[::1/d",
    f"postgresql://u:{SECRET}@h@127.0.0.1:1/d",
    f"postgresql://u:%zz{SECRET}@127.0.0.1:1/d",
    f"mysql://u:{SECRET}@127.0.0.1/d",
    f"u:{SECRET}@127.0.0.1",
    f"host=127.0.0.1 port=1 password={SECRET}",
    f"host=127.0.0.1 port=1 password='{SECRET}",
)
VARIABLES: dict[str, Any] = {
    "AWS_REGION": st.one_of(st.sampled_from(["eu-central-1", "eu-centrall-1", "us-west-2\r"]), odd),
    "DATABASE_URL": st.one_of(st.sampled_from(URLS), odd),
    "DATABASE_HOST": odd,
    "DATABASE_PORT": odd,
    "DATABASE_AUTH": st.one_of(st.sampled_from(["secret", "iam"]), odd),
    "DATABASE_SSLMODE": st.one_of(st.sampled_from(["disable", "require", "verify-full"]), odd),
    "LOOKBACK_HOURS": odd,
    "CLOUDWATCH_API": odd,
    "CLOUDWATCH_CALLS_IN_FLIGHT": odd,
    "CLOUDWATCH_DATAPOINTS_PER_SECOND": odd,
    "RUNS_PER_MONTH": odd,
    "RETENTION_MONTHS": odd,
    "FIRST_LOOKBACK_HOURS": odd,
    "CATCH_UP_HOURS": odd,
    "FRESHNESS_HOURS": odd,
    "MONTHLY_BUDGET_USD": odd,
    "METRICS": odd,
    "POWERTOOLS_SERVICE_NAME": odd,
    "AWS_PROFILE": odd,
    "AWS_CONFIG_FILE": st.sampled_from(["/dev/null", "/nonexistent", "/", "/etc/passwd"]),
    "AWS_ENDPOINT_URL_CLOUDWATCH": st.one_of(
        st.sampled_from(["127.0.0.1", "http://", f"http://u:{SECRETS['proxy']}@127.0.0.1:1"]), odd
    ),
    "AWS_SECRET_ACCESS_KEY": st.just(""),
    "AWS_MAX_ATTEMPTS": odd,
    "AWS_USE_FIPS_ENDPOINT": odd,
    "AWS_RETRY_MODE": odd,
}
environments = st.dictionaries(st.sampled_from(sorted(VARIABLES)), st.none(), max_size=3).flatmap(
    lambda names: st.fixed_dictionaries({name: VARIABLES[name] for name in names})
)
"""One to three variables that are not as they should be."""

EVENT = {"instance_ids": ["i-00000000000000001"], "lookback_hours": 1, "dry_run": True}


def with_corpus(test: Any) -> Any:
    for found in ENVIRONMENTS:
        test = example(env=found)(test)
    return test


@with_corpus
@inputs(60, 6_000)
@given(env=environments)
def test_an_environment_is_taken_or_refused(playground: Playground, env: dict[str, str]) -> None:
    def work() -> dict[str, Any]:
        from ingest_fn import app

        app.ingester.cache_clear()
        made: list[Ingester] = []
        try:
            return app.lambda_handler(EVENT, Context())  # type: ignore[arg-type]
        finally:
            if app.ingester.cache_info().currsize:
                made.append(app.ingester())
                app.ingester.cache_clear()
            for ingester in made:
                ingester.close()

    with patch.dict(os.environ, env):
        tried_by("environments", work)
    assert playground.kept() == (0, 0)
