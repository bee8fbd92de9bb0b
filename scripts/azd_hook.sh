#!/bin/sh
# Called by azd: `before` the deployment the apps are registered (their ids are settings of the function apps), `after` it
# the managed identities are accepted as their proof. The script says what it will do and asks. `check` by hand: whether
# anything differs from what azd's environment says (docs/deploy.md, Drift). What follows the phase is handed on:
#   sh scripts/azd_hook.sh after --assign OBJECT_ID=Holdfast.Admin
set -eu
cd "$(dirname "$0")/.."
[ "${HOLDFAST_REGISTER:-yes}" = no ] && { echo "app registrations: left alone (HOLDFAST_REGISTER=no)"; exit 0; }

sh sandbox/venv.sh .venv # PYTHON names another interpreter
tenant="${HOLDFAST_TENANT_ID:-${AZURE_TENANT_ID:-$(az account show --query tenantId -o tsv)}}"
phase="$1"
shift
set -- --env "$AZURE_ENV_NAME" --tenant "$tenant" --cloud "${HOLDFAST_CLOUD:-public}" --azd "$@"
set -- "$@" --kinds "${HOLDFAST_KINDS:-}" --owner-types "${HOLDFAST_OWNER_TYPES:-}"
set -- "$@" --user-kinds "${HOLDFAST_USER_KINDS:-}" --group-kinds "${HOLDFAST_GROUP_KINDS:-}" --site-kinds "${HOLDFAST_SITE_KINDS:-}"
[ -n "${HOLDFAST_INCLUDE_GROUPS:-}${HOLDFAST_EXCLUDE_GROUPS:-}${HOLDFAST_DEPARTMENTS:-}" ] && set -- "$@" --members
[ "${HOLDFAST_LOSSLESS:-off}" = on ] && set -- "$@" --lossless
[ "${HOLDFAST_EXCHANGE_RBAC:-no}" = yes ] && set -- "$@" --exchange-rbac
[ -n "${HOLDFAST_DEPARTMENT_ROLES:-}" ] && set -- "$@" --departments "$HOLDFAST_DEPARTMENT_ROLES"
[ "${HOLDFAST_SELF_SERVICE:-off}" = on ] && set -- "$@" --self-service
[ "${HOLDFAST_YES:-no}" = yes ] && set -- "$@" --yes
[ "$phase" = check ] && set -- "$@" --check
if [ "$phase" != before ]; then
    # with a client secret (HOLDFAST_..._SECRET_NAME) or a certificate (..._CERTIFICATE_NAME) there is nothing to federate
    [ -z "${HOLDFAST_BACKUP_SECRET_NAME:-}${HOLDFAST_BACKUP_CERTIFICATE_NAME:-}" ] && set -- "$@" --backup-identity "$HOLDFAST_BACKUP_PRINCIPAL"
    [ -z "${HOLDFAST_RESTORE_SECRET_NAME:-}${HOLDFAST_RESTORE_CERTIFICATE_NAME:-}" ] && set -- "$@" --restore-identity "$HOLDFAST_RESTORE_PRINCIPAL"
fi
python=.venv/bin/python
[ -x "$python" ] || python=.venv/Scripts/python.exe # Windows
exec "$python" -m scripts.register_apps "$@"
