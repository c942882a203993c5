# The service in a slim image: the lock file's wheels and ours in a venv, nothing to compile, no root, no shell scripts.
#   docker build -t phieu-intake .
#   docker run -v /etc/phieu-intake:/etc/phieu-intake:ro -v phieu-intake:/var/lib/phieu-intake -p 127.0.0.1:8080:8080 phieu-intake
# In office.toml say: console.listen = "0.0.0.0:8080", database and vault under /var/lib/phieu-intake.

FROM python:3.13-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/phieu-intake
# The lock alone first: this layer changes only when a dependency does.
COPY requirements.lock /src/
RUN /opt/phieu-intake/bin/pip install --require-hashes -r /src/requirements.lock
COPY pyproject.toml README.md LICENSE /src/
COPY intake /src/intake
COPY signatures /src/signatures
COPY storage /src/storage
COPY config /src/config
RUN /opt/phieu-intake/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel /src \
    && /opt/phieu-intake/bin/pip install --no-deps /wheel/*.whl

FROM python:3.13-slim-bookworm
# libarchive opens RAR and 7z attachments.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libarchive13 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/phieu-intake --create-home intake
COPY --from=build /opt/phieu-intake /opt/phieu-intake
# PYTHONSAFEPATH: our packages have plain names (config, storage); the working directory must never shadow them.
ENV PATH=/opt/phieu-intake/bin:$PATH \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    INTAKE_CONFIG=/etc/phieu-intake/office.toml
USER intake
WORKDIR /var/lib/phieu-intake
VOLUME /var/lib/phieu-intake
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["intake"]
CMD ["run"]
