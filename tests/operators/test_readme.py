"""What the library's README shows runs as it stands there."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import operators

README = Path(operators.__file__).parent / "README.md"


def test_every_python_block_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert blocks
    shared: dict[str, Any] = {"__name__": "readme"}
    for block in blocks:
        if block.startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(block, shared, "README", str(README), 0)
            result = doctest.DocTestRunner().run(test, clear_globs=False)
            shared.update(test.globs)
            assert result.failed == 0
        else:
            exec(compile(block, str(README), "exec"), shared)
