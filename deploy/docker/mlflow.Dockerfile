# MLflow's server, on PostgreSQL.
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/mlflow
COPY constraints.txt ./
RUN /opt/mlflow/bin/pip install --no-cache-dir -c constraints.txt mlflow 'psycopg[binary]'

FROM python:3.11-slim
ARG UID=1000
RUN useradd --uid "$UID" --create-home mlflow && install -d -o mlflow -g mlflow /data
COPY --from=build /opt/mlflow /opt/mlflow
USER $UID
ENV PATH=/opt/mlflow/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /data
CMD ["mlflow", "server"]
