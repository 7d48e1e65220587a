# The gateway and nothing else: built in one stage, run as nobody in another.
FROM python:3.11.13-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/penstock
COPY pyproject.toml README.md LICENSE ./
COPY operators operators
COPY pipeline pipeline
RUN /opt/penstock/bin/pip install --no-cache-dir --disable-pip-version-check .

FROM python:3.11.13-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin penstock
COPY --from=build /opt/penstock /opt/penstock
ENV PATH=/opt/penstock/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# penstock.yaml is looked for here; mount yours. Without keys in it only loopback clients are served, which means nobody outside.
WORKDIR /etc/penstock
USER penstock
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8787/healthz', timeout=2)"]
# SIGTERM drains; give it longer than server.drain before you kill it.
ENTRYPOINT ["penstock"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8787"]
