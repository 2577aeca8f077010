# The services and the command, without pip and without root. `compose.yaml` says how they run.

FROM python:3.13-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /src
COPY requirements/runtime.txt requirements/build.txt requirements/
# Two environments: what runs goes into the image, what builds stays here.
RUN python -m venv --without-pip /opt/stafett \
    && python -m venv --without-pip /opt/build \
    && pip --python /opt/stafett/bin/python install --require-hashes --no-deps --requirement requirements/runtime.txt \
    && pip --python /opt/build/bin/python install --require-hashes --no-deps --requirement requirements/build.txt

COPY pyproject.toml alembic.ini LICENSE ./
COPY migrations migrations
COPY services services
RUN /opt/build/bin/python -m hatchling build --target wheel --directory /tmp/wheel \
    && pip --python /opt/stafett/bin/python install --no-deps --no-index --find-links /tmp/wheel stafett==0.1.0


FROM python:3.13-slim-bookworm

RUN pip uninstall --yes --root-user-action=ignore pip \
    && rm -rf /usr/local/lib/python3.13/ensurepip \
    && groupadd --system --gid 10001 stafett \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin stafett \
    && install --directory --owner=stafett --group=stafett --mode=0700 /var/lib/stafett /var/lib/stafett/keys

COPY --from=build /opt/stafett /opt/stafett

ENV PATH=/opt/stafett/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    STAFETT_DATA_DIR=/var/lib/stafett \
    STAFETT_HOST=0.0.0.0 \
    STAFETT_PORT=8000

USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=4s --start-period=60s --start-interval=1s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen(f\"http://127.0.0.1:{os.environ['STAFETT_PORT']}/health/ready\", timeout=3)"]

ENTRYPOINT ["stafett"]
CMD ["serve"]
