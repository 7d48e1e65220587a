"""One gateway for all tests of the nine pairs in a worker, and the properties that become the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import PROPERTY
from tests.pairs.bench import Pairs, configuration
from tests.support.gateway import Gateway
from tests.support.scripted import ScriptedProvider


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pairs]:
    with ScriptedProvider() as provider, Gateway(configuration(provider), tmp_path_factory.mktemp("pairs")) as gateway:
        yield Pairs(provider, gateway)


@pytest.fixture(autouse=True)
def _in_the_table(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    parameters = getattr(request.node, "callspec", None)
    if parameters is not None and "pair" in parameters.params:
        case = parameters.params.get("case", getattr(request.function, "row", request.function.__name__))
        record_property(PROPERTY, [parameters.params["pair"], str(case)])
