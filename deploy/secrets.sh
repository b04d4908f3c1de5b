#!/bin/sh
# secrets.sh FOLDER        makes what is missing there: random passwords, an empty list of users, an empty API key
# secrets.sh FOLDER NAME   lets NAME sign in, with the password on standard input; the same name again changes it
set -eu
umask 077
mkdir -p "$1"
for name in database_admin_password database_password proxy_secret; do
    [ -s "$1/$name" ] || openssl rand -hex 32 > "$1/$name"
done
touch "$1/api_key" "$1/users"
if [ -n "${2:-}" ]; then
    case $2 in *[!A-Za-z0-9._@-]*) echo "A name is made of letters, digits, dots, dashes, _ and @." >&2; exit 1 ;; esac
    if [ -t 0 ]; then printf 'Password of %s: ' "$2" >&2; stty -echo; fi
    IFS= read -r password || [ -n "$password" ]
    if [ -t 0 ]; then stty echo; echo >&2; fi
    hash=$(printf '%s\n' "$password" | openssl passwd -6 -stdin)
    { awk -F: -v name="$2" '$1 != name' "$1/users"; echo "$2:$hash"; } > "$1/users.new"
    cat "$1/users.new" > "$1/users"  # the file itself stays: it is mounted
    rm "$1/users.new"
fi
chmod 644 "$1"/*  # other accounts read them in the containers; on this machine the folder keeps everyone else out
