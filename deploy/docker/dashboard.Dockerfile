# Optuna's dashboard, on PostgreSQL.
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/dashboard
COPY constraints.txt ./
RUN /opt/dashboard/bin/pip install --no-cache-dir -c constraints.txt optuna-dashboard 'psycopg[binary]'

FROM python:3.11-slim
ARG UID=1000
RUN useradd --uid "$UID" --create-home dashboard
COPY --from=build /opt/dashboard /opt/dashboard
USER $UID
ENV PATH=/opt/dashboard/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /home/dashboard
CMD ["optuna-dashboard", "--help"]
