"""OpenTelemetry: the trace context that travels with each request, and spans by the conventions for generative AI.

``context`` needs nothing and is always there; ``otel`` needs the extra ``otel`` and is imported only where it is configured.
"""
