"""Renders one overlay of k8s/, validates every object, and prints them all as one JSON array.

    render.py OVERLAY VERSION…

Kubernetes' own kinds are held to the schemas of these VERSIONs of Kubernetes, strictly: a field that they do not know
is an error. The kinds of operators are held to custom-resources.yaml, beside this file. What is wrong is printed a line
each, and the exit code is 1.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import jsonschema
import kubernetes_validate
import yaml

CUSTOM = yaml.safe_load((pathlib.Path(__file__).parent / "custom-resources.yaml").read_text())


def render(overlay: pathlib.Path) -> list:
    """What `kubectl kustomize` makes of it."""
    with tempfile.TemporaryDirectory() as folder:
        if old():
            copy = pathlib.Path(folder) / "k8s"
            shutil.copytree(overlay.parent.parent, copy)
            for file in copy.glob("*/**/kustomization.yaml"):
                file.write_text(yaml.safe_dump(in_old_words(yaml.safe_load(file.read_text()), file.parent)))
            overlay = copy / "overlays" / overlay.name
        done = subprocess.run(["kubectl", "kustomize", overlay], capture_output=True, text=True)
    if done.returncode != 0 or done.stderr:
        sys.exit(f"kubectl kustomize {overlay.name}: {done.stderr}")
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def old() -> bool:
    """Whether this kubectl is older than 1.21 (Debian 12 has 1.20), whose kustomize is of 2019."""
    version = subprocess.run(["kubectl", "version", "--client", "-o", "json"], capture_output=True, check=True)
    return int(re.match(r"\d+", json.loads(version.stdout)["clientVersion"]["minor"])[0]) < 21


def in_old_words(kustomization: dict, folder: pathlib.Path) -> dict:
    """The same for a kustomize that called folders `bases`, read one file of variables, and did not put the hash of a
    generated name into volumes of several sources: there is none then."""
    folders = [name for name in kustomization["resources"] if (folder / name).is_dir()]
    files = [name for name in kustomization["resources"] if name not in folders]
    generators = kustomization.get("configMapGenerator", [])
    for generator in generators:
        if "envs" in generator:
            (generator["env"],) = generator.pop("envs")
    words = {"bases": folders, "resources": files, "configMapGenerator": generators}
    return {**kustomization, **words, "generatorOptions": {"disableNameSuffixHash": True}}


def problems(document: dict, versions: list):
    name = f"{document['kind']} {document['metadata']['name']}"
    api = document["apiVersion"]
    if "." in api and not api.split("/")[0].endswith(".k8s.io"):
        schema = CUSTOM.get(f"{api} {document['kind']}")
        if schema is None:
            yield f"{name}: nothing is known of {api}"
            return
        for error in jsonschema.Draft202012Validator(schema).iter_errors(document):
            yield f"{name}: {'.'.join(map(str, error.path))}: {error.message}"
        return
    for version in versions:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{name}, Kubernetes {version}: {'.'.join(map(str, error.path))}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield f"{name}: {error.message}"


def main(overlay: str, *versions: str):
    known = [kubernetes_validate.utils.major_minor(version) for version in kubernetes_validate.utils.all_versions()]
    if missing := [version for version in versions if version not in known]:
        sys.exit(f"there are no schemas of Kubernetes {missing}, only of {known}")
    documents = render(pathlib.Path(overlay).resolve())
    found = [problem for document in documents for problem in problems(document, versions)]
    if found:
        sys.exit("\n".join(found))
    json.dump(documents, sys.stdout)


main(*sys.argv[1:])
