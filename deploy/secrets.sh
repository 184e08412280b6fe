#!/bin/sh
# Writes new random secrets for docker-compose.yml into ./secrets; refuses to replace any that exist. Notes in ./.env as
# whom the containers run: as the owner of the secrets, since nobody else can read them.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir secrets
password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
printf '%s' "$password" > secrets/postgres_password
printf '*:*:*:rampline:%s\n' "$password" > secrets/pgpass
for role in admin worker; do
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n' > "secrets/${role}_token"
done
owner=$(id -u)
if [ "$owner" = 0 ]; then
    owner=1000
    chown -R "$owner" secrets
fi
printf 'RAMPLINE_UID=%s\n' "$owner" >> .env
echo "Secrets are in $(pwd)/secrets. Yours as administrator: $(pwd)/secrets/admin_token"
