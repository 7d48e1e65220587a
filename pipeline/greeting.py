"""What `serve` prints first: the address, the models, and lines to try."""

from __future__ import annotations

import contextlib
import os
import sys

from pipeline.config import Config


def greet(config: Config, host: str, port: int) -> None:
    """Print the greeting. Whether anybody can read it decides nothing: never raises."""
    try:
        print(greeting(config, host, port), flush=True)
    except OSError:
        # What stays in the stream's buffer would be tried again, and complained of, at each later flush.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def greeting(config: Config, host: str, port: int) -> str:
    """A few lines for a person; the first one holds the address, for scripts."""
    shown = f"[{host}]" if ":" in host else host
    base = f"http://{shown}:{port}"
    names = [model.name for model in config.models]
    model = next((name for name in names if "*" not in name), "demo/demo")
    listed = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    key = " -H 'authorization: Bearer YOUR_KEY'" if config.server.keys else ""
    asked = '"stream":true,"messages":[{"role":"user","content":"Say hello"}]'
    return "\n".join(
        (
            f"Penstock serves on {base}  ({config.source})",
            f"models: {listed}",
            "try:",
            f'  curl -N {base}/v1/chat/completions{key} -d \'{{"model":"{model}",{asked}}}\'',
            f'  curl -N {base}/v1/responses{key} -d \'{{"model":"{model}","stream":true,"input":"Say hello"}}\'',
            f'  curl -N {base}/v1/messages{key} -d \'{{"model":"{model}","max_tokens":200,{asked}}}\'',
        )
    )
