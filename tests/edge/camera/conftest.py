"""What all tests of cameras begin with."""

from __future__ import annotations

import pytest

from tests.edge.camera.rig import leave_out_others


@pytest.fixture(autouse=True)
def children_of_this_test_only() -> None:
    leave_out_others()
