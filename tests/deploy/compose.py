"""Reads compose files as `docker compose -f A -f B` does, holds them to the Compose specification, prints the result.

Each file's values are interpolated, from the environment and the defaults in the files; mappings are merged, lists are
joined, and `command`, `entrypoint` and a health check's `test` are replaced, as the specification has it. Services with a
profile are left out.
"""

import json
import os
import re
import sys

import yaml
from compose_spec import PyCompose

REPLACED = {"command", "entrypoint", "test"}


def interpolated(value):
    if isinstance(value, dict):
        return {key: interpolated(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [interpolated(inner) for inner in value]
    if isinstance(value, str):
        return re.sub(r"\$(\$|\{(\w+)(?::-([^}]*))?\})", substitute, value)
    return value


def substitute(found):
    if found[1] == "$":
        return "$"
    text = os.environ.get(found[2]) or found[3]
    if text is None:
        raise SystemExit(f"{found[0]} has no default: `docker compose up` alone would not do")
    return text


def merged(below, above):
    for key, value in above.items():
        known = below.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            below[key] = merged(known, value)
        elif isinstance(known, list) and isinstance(value, list) and key not in REPLACED:
            below[key] = known + value
        else:
            below[key] = value
    return below


def valid(name, tree):
    try:
        PyCompose.from_json(json.dumps(tree))
    except ValueError as error:
        raise SystemExit(f"{name}: {error}") from error


def main():
    whole = {}
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as file:
            tree = interpolated(yaml.safe_load(file))
        valid(name, tree)
        whole = merged(whole, tree)
    whole["services"] = {name: one for name, one in whole["services"].items() if not one.get("profiles")}
    valid("together", whole)
    json.dump(whole, sys.stdout)


main()
