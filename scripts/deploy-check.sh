#!/usr/bin/env bash
# Checks what lies in deploy/ and beside it, without a cluster, a Docker or a Grafana: rules and alerts with their unit tests, the
# dashboard's queries, both overlays against the schemas of Kubernetes and KEDA, the compose files. tests/tidy/deploy.rs checks, with
# every `make check`, that each metric named there exists.
# promtool comes from Debian's package prometheus; kubeconform, kustomize and compose-go are built once with Go, in the versions below,
# into ~/.cache/holdfast/tools, where the schemas go too.
set -euo pipefail
cd "$(dirname "$0")/.."

kubeconform_version=v0.7.0
kustomize_version=v5.7.1
compose_version=v2.9.0
# The Python package kubernetes-validate carries the schemas of Kubernetes, which kubeconform else fetches one by one from GitHub.
schemas_version=1.34.1
schemas_sha256=6ad909e64c140d883f558949364aeca49637580ae88a9a00b59688ab44aae88d
kubernetes=1.34.0

tools=$HOME/.cache/holdfast/tools
mkdir -p "$tools/bin"

die() {
  echo "deploy-check: $*" >&2
  exit 1
}

if ! command -v promtool >/dev/null; then
  command -v apt-get >/dev/null || die "promtool is missing: install Prometheus"
  echo "deploy-check: installing Debian's package prometheus, for promtool"
  # Its service is not wanted: only the tool is.
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  $sudo apt-get install -y -qq --no-install-recommends prometheus >/dev/null
fi

# built NAME VERSION MODULE: builds a Go program once.
built() {
  [ -x "$tools/bin/$1-$2" ] && return
  command -v go >/dev/null || die "Go is missing, which builds $1: https://go.dev/dl"
  echo "deploy-check: building $1 $2 (once)"
  local fresh
  fresh=$(mktemp -d)
  (cd "$fresh" && GOBIN=$fresh go install "$3@$2")
  # The program is called like the last part of its module's path.
  mv "$fresh/$(basename "${3%/v[0-9]}")" "$tools/bin/$1-$2"
  rm -rf "$fresh"
}
built kubeconform "$kubeconform_version" github.com/yannh/kubeconform/cmd/kubeconform
built kustomize "$kustomize_version" sigs.k8s.io/kustomize/kustomize/v5
built compose-go "$compose_version" github.com/compose-spec/compose-go/v2/cmd

schemas=$tools/kubernetes-$kubernetes-strict-$schemas_version
if [ ! -d "$schemas" ]; then
  echo "deploy-check: fetching the schemas of Kubernetes $kubernetes (once)"
  fresh=$(mktemp -d)
  echo "kubernetes-validate==$schemas_version --hash=sha256:$schemas_sha256" >"$fresh/requirements.txt"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest "$fresh" --requirement "$fresh/requirements.txt"
  python3 -m zipfile -e "$fresh"/kubernetes_validate-*.whl "$fresh/whole"
  # Their names are addresses under kubernetes.io, so that references would be fetched from there: they become files.
  mkdir "$fresh/schemas"
  python3 - "$fresh/whole/kubernetes_validate/kubernetes-json-schema/v$kubernetes-local-strict" "$fresh/schemas" <<'PYTHON'
import json, pathlib, sys
for path in pathlib.Path(sys.argv[1]).glob("*.json"):
    schema = json.loads(path.read_text().replace("/api/_definitions.json", "_definitions.json"))
    schema.pop("$id", None)
    pathlib.Path(sys.argv[2], path.name).write_text(json.dumps(schema))
PYTHON
  mv -T "$fresh/schemas" "$schemas"
  rm -rf "$fresh"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "== Prometheus"
promtool check config --syntax-only deploy/prometheus/prometheus.yml
# Debian's promtool is built without discovery in Kubernetes: the rest of that job is checked.
sed 's/kubernetes_sd_configs:/static_configs:/; s/- role: pod/- targets: []/' deploy/prometheus/kubernetes.yml >"$work/kubernetes.yml"
promtool check config --syntax-only "$work/kubernetes.yml"
promtool check rules deploy/prometheus/rules.yml deploy/prometheus/alerts.yml
promtool test rules deploy/prometheus/tests.yml

echo "== Grafana"
# Every query of the dashboard as a rule, so that promtool reads it: Grafana's variables become what they may stand for.
python3 - deploy/grafana/holdfast.json >"$work/dashboard.yml" <<'PYTHON'
import json, sys
board = json.load(open(sys.argv[1]))
texts = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
texts += [note["expr"] for note in board["annotations"]["list"]]
ids = [panel["id"] for panel in board["panels"]]
assert len(ids) == len(set(ids)), "two panels have the same id"
names = {variable["name"] for variable in board["templating"]["list"]}
rules = []
for n, text in enumerate(texts):
    text = text.replace("$__rate_interval", "1m")
    for name in names:
        text = text.replace(f"${name}", ".*")
    assert "$" not in text, f"a variable that the dashboard does not have: {text}"
    rules.append({"record": f"dashboard:query:{n}", "expr": text})
json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, sys.stdout)
PYTHON
promtool check rules "$work/dashboard.yml"

echo "== Kubernetes"
for overlay in deploy/kubernetes/overlays/*/; do
  "$tools/bin/kustomize-$kustomize_version" build "$overlay" >"$work/overlay.yaml"
  echo "$overlay"
  "$tools/bin/kubeconform-$kubeconform_version" -strict -summary -kubernetes-version "$kubernetes" \
    -schema-location "$schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json" \
    -schema-location 'deploy/kubernetes/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json' "$work/overlay.yaml"
done

echo "== Compose"
for file in docker-compose.yml docker-compose.kafka.yml; do
  "$tools/bin/compose-go-$compose_version" "$file" >"$work/compose.yaml" || die "$file is not as the Compose specification wants it"
  echo "$file: as the specification wants it"
done
echo "deploy-check: all of it is as it should be"
