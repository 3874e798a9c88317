# syntax=docker/dockerfile:1

FROM python:3.13-slim AS build
RUN pip install --no-cache-dir uv==0.13.8
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV=/opt/phoneagent
RUN uv venv /opt/phoneagent
WORKDIR /src
COPY pyproject.toml requirements.lock ./
# The lock also names what development needs; as constraints it gives the service its versions and hashes.
RUN uv pip install --constraints requirements.lock --requirements pyproject.toml --extra local --extra postgres
COPY README.md LICENSE ./
COPY phoneagent phoneagent
RUN uv pip install --no-deps .

FROM python:3.13-slim
RUN useradd --user-group --uid 10001 --no-create-home --home-dir /app phoneagent \
 && install -d -o phoneagent -g phoneagent /data
COPY --from=build /opt/phoneagent /opt/phoneagent
WORKDIR /app
COPY agents agents
COPY tools tools
# Nothing but /data and /tmp is written to, so the root filesystem can be read-only.
ENV PATH=/opt/phoneagent/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PHONEAGENT_HOST=0.0.0.0 \
    PHONEAGENT_DATA=/data \
    PHONEAGENT_LOG=json
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; \
    health = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('PHONEAGENT_PORT') or 8000), timeout=3); \
    health.request('GET', '/healthz'); \
    sys.exit(health.getresponse().status != 200)"]
# On SIGTERM running calls go on to their end, for PHONEAGENT_DRAIN_S at most. What stops the container must
# wait longer than that: docker stop waits 10 s by default, so -t 660 (compose.yaml: stop_grace_period).
# The service is process 1 itself: it handles signals and reaps its children, an init is not needed.
STOPSIGNAL SIGTERM
ENTRYPOINT ["phoneagent"]
CMD ["serve"]
