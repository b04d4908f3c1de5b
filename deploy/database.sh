#!/bin/sh
# Makes the program's role and its database, once, in a new PostgreSQL. A plain role: it is bound by row level security.
set -eu
export SECRETS="${SECRETS:-/run/secrets}"
psql --username "${POSTGRES_USER:-postgres}" --dbname postgres --no-psqlrc --quiet --set ON_ERROR_STOP=1 <<'SQL'
\set password `cat "$SECRETS/database_password"`
CREATE ROLE simulator LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'password';
CREATE DATABASE simulator OWNER simulator ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE simulator FROM PUBLIC;
SQL
