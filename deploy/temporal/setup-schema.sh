#!/bin/sh
# Brings Temporal's databases to the schema of this server version; a second run changes nothing. Upgrade one minor version
# of Temporal at a time: this first, then the server.
set -eu

schemas=/etc/temporal/schema/postgresql/v12

update() {
  temporal-sql-tool --db "$1" setup-schema -v 0.0
  temporal-sql-tool --db "$1" update-schema -d "$schemas/$2/versioned"
}

update temporal temporal
update temporal_visibility visibility
