#!/bin/bash
# Runs once, as superuser, when the data folder is made. Usher's roles are no superusers, pass no row-level security and are
# members of no other; Temporal has databases of its own, beside Usher's.
set -euo pipefail

psql --username "$POSTGRES_USER" --dbname postgres --no-psqlrc --quiet --set ON_ERROR_STOP=1 \
  --set owner="$USHER_OWNER_PASSWORD" --set app="$USHER_APP_PASSWORD" \
  --set sequencer="$USHER_SEQUENCER_PASSWORD" --set temporal="$TEMPORAL_DB_PASSWORD" <<'SQL'
create role usher_owner with login nosuperuser nobypassrls nocreatedb nocreaterole noinherit noreplication
  password :'owner';
create role usher_app with login nosuperuser nobypassrls nocreatedb nocreaterole noinherit noreplication
  password :'app';
create role usher_sequencer with login nosuperuser nobypassrls nocreatedb nocreaterole noinherit noreplication
  password :'sequencer';
create role temporal with login nosuperuser nobypassrls nocreatedb nocreaterole noreplication
  password :'temporal';

-- A statement that waits for a lock or runs away must not hold up everybody else; migrations may take their time, once
-- they have their locks. The same as in src/servers/postgres-roles.ts.
alter role usher_app set statement_timeout = '15s';
alter role usher_app set lock_timeout = '5s';
alter role usher_app set idle_in_transaction_session_timeout = '30s';
alter role usher_sequencer set statement_timeout = '60s';
alter role usher_sequencer set lock_timeout = '5s';
alter role usher_sequencer set idle_in_transaction_session_timeout = '60s';
alter role usher_owner set lock_timeout = '5s';

create database usher owner usher_owner template template0;
revoke all on database usher from public;
grant connect on database usher to usher_app, usher_sequencer;

create database temporal owner temporal template template0;
revoke all on database temporal from public;
create database temporal_visibility owner temporal template template0;
revoke all on database temporal_visibility from public;
\connect temporal_visibility
-- Temporal's visibility schema asks for it; a role that is no superuser finds it there.
create extension if not exists btree_gin;
SQL
