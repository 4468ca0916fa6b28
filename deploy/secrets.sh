#!/bin/sh
# Makes everything secret that docker-compose.yml hands out, in ./secrets.
#   deploy/secrets.sh [NAME]    NAME: the host that the certificate is for; localhost if nothing is said
# What is there stays as it is. To replace a secret remove its file, run this again, and start anew whoever uses it.
set -eu
cd "$(dirname "$0")/.."
name="${1:-localhost}"

# Containers run as users of their own, and have to read what is mounted into them. So the files can be read by
# everybody, and the folder by its owner alone: nobody else on this machine comes as far as the files.
umask 077
mkdir -p secrets
chmod 700 secrets

keep() { # FILE, from standard input, unless it is there
    if [ ! -s "secrets/$1" ]; then
        cat >"secrets/$1.new"
        put "$1"
    else
        cat >/dev/null
    fi
}
put() {
    chmod 444 "secrets/$1.new"
    mv -f "secrets/$1.new" "secrets/$1"
}
random() { openssl rand -hex 24; }
password() { sed -E 's#^[a-z]+://[^:]*:([^@]*)@.*#\1#' "secrets/$1"; }
hash() { # as RabbitMQ keeps passwords: salt of four bytes, and SHA-256 of salt and password
    salt="$(openssl rand -base64 3)"
    { printf %s "$salt"; printf %s%s "$salt" "$(password "$1")" | openssl dgst -sha256 -binary; } | openssl base64 -A
}

# Everything in queue, Redis and vault is sealed with it: keep a copy elsewhere.
openssl rand -base64 32 | keep encryption-key

for user in setup api worker; do
    echo "amqp://$user:$(random)@rabbitmq:5672/calrelay" | keep "amqp-$user-url"
done
sed -e "s#@setup@#$(hash amqp-setup-url)#" -e "s#@api@#$(hash amqp-api-url)#" -e "s#@worker@#$(hash amqp-worker-url)#" \
    deploy/rabbitmq/definitions.json >secrets/rabbitmq-definitions.json.new
put rabbitmq-definitions.json

for server in redis vault; do
    echo "redis://:$(random)@$server:6379" | keep "$server-url"
    echo "requirepass $(password $server-url)" >"secrets/$server.conf.new"
    put "$server.conf"
done

# Only for docker-compose.postgres.yml.
random | keep postgres-password
echo "postgres://calrelay:$(cat secrets/postgres-password)@postgres:5432/calrelay" >secrets/postgres-url.new
put postgres-url

random | keep grafana-password

# Vouches for itself: browsers warn of it. Put the real one in its place.
if [ ! -s secrets/tls-key.pem ] || [ ! -s secrets/tls-certificate.pem ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj "/CN=$name" \
        -addext "subjectAltName=DNS:$name,DNS:localhost,IP:127.0.0.1" -addext basicConstraints=critical,CA:FALSE \
        -keyout secrets/tls-key.pem.new -out secrets/tls-certificate.pem.new 2>/dev/null
    put tls-key.pem
    put tls-certificate.pem
fi
echo "secrets: they are in ./secrets; encryption-key is the one that nothing can be read without"
