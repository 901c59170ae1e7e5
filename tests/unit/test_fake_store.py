from __future__ import annotations

from typing import cast

import pytest

from tests.stores import FakeStore, Store, Stored, StoreSuite


class TestFakeStore(StoreSuite):
    @pytest.fixture
    def store(self) -> Store:
        return FakeStore()

    def stored(self, store: Store) -> Stored:
        return dict(cast("FakeStore", store).rows)
