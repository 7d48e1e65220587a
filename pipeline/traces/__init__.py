"""What is kept of each request so that people can see it: pure data, bounded, without a word of any body."""

from pipeline.traces.attempt import Attempt
from pipeline.traces.log import ANSWER, CLIENT, place
from pipeline.traces.record import Cursor, Note, Trace
from pipeline.traces.ring import Ring
from pipeline.traces.row import KINDS, MOST, Row

__all__ = ["ANSWER", "CLIENT", "KINDS", "MOST", "Attempt", "Cursor", "Note", "Ring", "Row", "Trace", "place"]
