#!/bin/sh
# Makes the Secrets that calrelay and its servers need, with new random passwords, as files: a folder for each Secret,
# a file for each of its keys.
#   k8s/secrets.sh FOLDER
# The folder must not be there yet: nothing is ever replaced by this. It is not for the repository.
set -eu
[ $# = 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
[ ! -e "$1" ] || { echo "$0: $1 is there already; nothing was changed" >&2; exit 1; }
template="$(cd "$(dirname "$0")/../deploy/rabbitmq" && pwd)/definitions.json"
umask 077
mkdir -p "$1"
cd "$1"

random() { openssl rand -hex 24; }
# Without a line end, which some readers would take for a part of it.
put() { mkdir -p "${1%/*}" && printf '%s' "$2" >"$1"; }
hash() { # as RabbitMQ keeps passwords: salt of four bytes, and SHA-256 of salt and password
    salt="$(openssl rand -base64 3)"
    { printf %s "$salt"; printf %s%s "$salt" "$1" | openssl dgst -sha256 -binary; } | openssl base64 -A
}

# Everything in queue, Redis and vault is sealed with it: keep a copy elsewhere.
put calrelay/encryption-key "$(openssl rand -base64 32)"

for server in redis vault; do
    password="$(random)"
    put "calrelay/$server-url" "redis://:$password@$server:6379"
    # Everything but the administration of the server; calrelay looks whether a vault keeps what it confirms.
    put "$server/users.acl" "user default on >$password ~* &* +@all -@admin +config|get
"
done

put rabbitmq/definitions.json "$(cat "$template")"
for user in setup api worker monitor; do
    password="$(random)"
    put "rabbitmq-$user/username" "$user"
    put "rabbitmq-$user/password" "$password"
    [ "$user" = monitor ] || put "rabbitmq-$user/amqp-url" "amqp://$user:$password@rabbitmq:5672/calrelay"
    # Only for a RabbitMQ without operators.
    put rabbitmq/definitions.json "$(sed "s#@$user@#$(hash "$password")#" rabbitmq/definitions.json)"
done
echo "secrets: they are in $1; calrelay/encryption-key is the one that nothing can be read without"
