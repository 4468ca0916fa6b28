#!/bin/sh
# Makes overlays/production/rules.yaml of deploy/prometheus/alerts.yml, where alerts are written: run it after
# changing them. The Prometheus operator wants the same text one level deeper.
set -eu
cd "$(dirname "$0")"
{
    cat <<'HEAD'
# Made by k8s/rules.sh of deploy/prometheus/alerts.yml: change it there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: calrelay
  labels: {app.kubernetes.io/part-of: calrelay}
spec:
HEAD
    sed -e '/^#/d' -e 's/^./  &/' ../deploy/prometheus/alerts.yml
} >overlays/production/rules.yaml
