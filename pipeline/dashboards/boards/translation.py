"""What is lost between dialects?"""

from __future__ import annotations

from pipeline.dashboards.model import DIALECT, Board, Panel, Query, Row, Scope, per

LOSSES = "penstock_translation_loss_total"
FROM = '{from=~"$dialect"}'


def translation(scope: Scope) -> Board:
    """Losses by kind and pair."""
    about = "What of the clients' requests could another dialect not carry?"
    panels = (
        Panel(
            "Between which dialects is something lost?",
            "Only where a request is answered in another dialect. A candidate of the clients' own dialect loses nothing.",
            (Query(per("from, to", LOSSES, FROM), "{{from}} -> {{to}}"),),
            "cps",
            "stacked",
        ),
        Panel(
            "What is lost?",
            "Hints only: what would change an answer is refused. The names are those in `x-penstock-dropped`.",
            (Query(per("kind", LOSSES, FROM), "{{kind}}"),),
            "cps",
            "stacked",
        ),
        Panel(
            "How often was what lost, from which dialect to which?",
            "In the time shown. A field that matters to you: serve its clients by a candidate that knows it.",
            (Query(f"sum by (from, to, kind) (increase({LOSSES}{FROM}[$__range]))", "{{kind}}"),),
            "short",
            "table",
            width=24,
        ),
    )
    return Board("translation", "Penstock: translation", about, (DIALECT,), (Row("Losses", panels),))
