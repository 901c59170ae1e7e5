"""Whether a Region exists, by botocore's own list, before anything is asked and billed."""

from __future__ import annotations

import re
from difflib import get_close_matches

import botocore.session
from botocore.exceptions import BotoCoreError

from ingest_fn.aws.errors import not_configured
from ingest_fn.errors import ConfigurationError, printable

_REGION = re.compile(r"(?P<place>[a-z]{2,}(?:-[a-z]+)+)-[0-9]+")


def check_region(region: str, session: botocore.session.Session) -> None:
    """Raise ConfigurationError for what is no Region.

    A Region that is newer than botocore's list passes: one more number of a place that is known,
    or a place that resembles none.
    """
    match = _REGION.fullmatch(region)
    if match is None:
        raise ConfigurationError(
            f"AWS_REGION is {printable(repr(region), 60)}: no Region looks like that.",
            "Give one by its code, as in eu-central-1.",
        )
    try:
        known = _known(session)
    except (BotoCoreError, ValueError) as error:
        raise not_configured(error) from error
    places = {name.rpartition("-")[0] for name in known}
    if region in known or match["place"] in places:
        return
    close = get_close_matches(region, known, n=1, cutoff=0.8)
    if close:
        raise ConfigurationError(
            f"{region}: no such Region; did you mean {close[0]}?",
            f"Set AWS_REGION={close[0]}, or correct the target's region.",
        )


def _known(session: botocore.session.Session) -> list[str]:
    partitions = session.get_component("data_loader").load_data("partitions")["partitions"]
    return [region for partition in partitions for region in partition["regions"]]
