#!/bin/sh
# Makes the namespace when it is missing; a second run changes nothing.
set -eu

attempt=1
until temporal operator cluster health; do
  if [ "$attempt" -ge 30 ]; then
    echo "Temporal at $TEMPORAL_ADDRESS did not become healthy within a minute." >&2
    exit 1
  fi
  attempt=$((attempt + 1))
  sleep 2
done

temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
