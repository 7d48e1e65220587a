"""The marble kit as the fixture ``t``, and items that say whether they commit."""

from __future__ import annotations

import pytest

from operators.testing import marbles

t = pytest.fixture(marbles)
