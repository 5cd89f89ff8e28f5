# syntax=docker/dockerfile:1

# The service as an image. It needs DATABASE_URL: the embedded PostgreSQL is for a developer's machine and is left out here, so without
# DATABASE_URL the container ends at once with exit code 16 and says so.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package needs its install scripts (see allowScripts in package.json).
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
# The programs of the embedded PostgreSQL are optional packages.
RUN npm run build && npm prune --omit=dev --omit=optional --ignore-scripts

FROM node:24-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY prisma ./prisma
# A user of the base image. All files belong to root: the service writes none.
USER node
EXPOSE 4000
# The service drains on SIGTERM (DRAIN_MS, 5 s), then finishes (STOP_TIMEOUT_MS, 10 s): give it a little longer before SIGKILL.
STOPSIGNAL SIGTERM
# Live, not ready: a container is not to be restarted because its database is away.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--max-semi-space-size=64", "dist/main.js"]
