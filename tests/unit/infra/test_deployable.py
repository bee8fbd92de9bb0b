"""What Azure refuses, or undoes, although types and names are right: rules of its services, each with its source."""

from __future__ import annotations

import json
import re

from tests.unit.infra import queries
from tests.unit.infra.bicep import members, strings
from tests.unit.infra.ours import INFRA, in_file, made, variable

QUERIES = {query.name: query.text for query in queries.alerts()}
SETTINGS = [
    ("app.bicep", "hostSettings"),
    *(("main.bicep", name) for name in ("common", "backupSettings", "restoreSettings", "careSettings")),
]


def test_flex_consumption_is_given_nothing_that_it_refuses() -> None:
    """Functions docs, Flex Consumption plan deprecations: with these the deployment ends in an error, or is undone."""
    refused = {
        "alwaysOn", "ftpsState", "linuxFxVersion", "pythonVersion", "use32BitWorkerProcess", "functionAppScaleLimit",
        "preWarmedInstanceCount", "containerSize", "isReserved", "netFrameworkVersion", "FUNCTIONS_WORKER_RUNTIME",
        "FUNCTIONS_WORKER_RUNTIME_VERSION", "FUNCTIONS_EXTENSION_VERSION", "SCM_DO_BUILD_DURING_DEPLOYMENT",
        "ENABLE_ORYX_BUILD", "WEBSITE_RUN_FROM_PACKAGE", "WEBSITE_CONTENTSHARE", "WEBSITE_TIME_ZONE",
        "WEBSITE_VNET_ROUTE_ALL", "PYTHON_ISOLATE_WORKER_DEPENDENCIES",
    }  # fmt: skip
    [site] = made("Microsoft.Web/sites")
    settings = [member for name in SETTINGS for member in members(variable(*name))]
    assert refused & {*members(site.says("siteConfig")), *settings} == set()


def test_what_a_lifecycle_policy_takes() -> None:
    """Up to ten prefixes a rule, names of letters and digits (Storage docs: lifecycle policy structure)."""
    rules = [each for each in in_file("vault.bicep") if each.kind == "var" and "'Lifecycle'" in each.body]
    assert [each.name for each in rules] == ["age", "end"]
    for rule in rules:
        assert re.search(r"= \[for \(name, i\) in \w+: \{", rule.body), "a rule for each container"
        assert re.fullmatch(r"'[a-zA-Z]+\$\{i\}'", rule.says("name")) and len(strings(rule.says("prefixMatch"))) <= 10


def test_a_budget_keeps_the_day_on_which_it_began() -> None:
    """Azure changes no budget's start and takes none that is over: azd is told what it was."""
    template, given = (INFRA / "main.bicep").read_text(), (INFRA / "main.parameters.json").read_text()
    assert "output HOLDFAST_BUDGET_START string = budgetAmount > 0 ? budgetFrom : ''" in template
    assert variable("main.bicep", "budgetFrom").strip().endswith("empty(budgetStart) ? thisMonth : budgetStart")
    assert '"budgetStart": { "value": "${HOLDFAST_BUDGET_START=}" }' in given


# What Azure names when a rule asks for another one (azure-rest-api-specs, issue 21258).
WINDOWS = {"PT5M", "PT10M", "PT15M", "PT30M", "PT45M", *(f"PT{hours}H" for hours in range(1, 7)), "P1D", "P2D"}
MINUTES = {"M": 1, "H": 60, "D": 24 * 60}


def minutes(duration: str) -> int:
    found = re.fullmatch(r"PT?(\d+)([MHD])", duration)
    assert found, duration
    return int(found[1]) * MINUTES[found[2]]


def test_windows_are_such_as_azure_takes_and_reach_behind_the_evaluation_before() -> None:
    rules = re.findall(r"window: '(\w+)', every: '(\w+)'", variable("alerts.bicep", "rules"))
    assert len(rules) == len(QUERIES)
    for window, every in rules:
        assert window in WINDOWS and every in WINDOWS
        assert minutes(window) >= 2 * minutes(every), "what is logged late is missed by one evaluation, not by all"


def test_queries_keep_to_what_a_rule_allows() -> None:
    """Azure Monitor docs: create a log search alert rule."""
    for name, text in QUERIES.items():
        assert not re.search(r"\b(bag_unpack|pivot|narrow|AggregatedValue|adx|arg)\b\s*\(?", text), name
        assert all(re.fullmatch(r"\d+[smhd]", span) for span in re.findall(r"\bago\(([^)]*)\)", text)), "literals only"


def test_what_the_template_puts_into_a_query_is_there() -> None:
    text = (INFRA / "modules/alerts.bicep").read_text()
    assert QUERIES["silent"].count("ago(24h)") == 1 and "'ago(24h)', 'ago(${silentHours}h)'" in text
    for name in ("RETENTION_PRINCIPAL", "VAULT_ACCOUNT"):
        assert QUERIES["deleted"].count(name) == 1 and f"'{name}', " in text
    assert 'container != "exports" and container !startswith "exports-"' in QUERIES["deleted"]
    assert strings(variable("main.bicep", "exportContainer")) == ["exports"]


def test_tampering_is_told_operation_by_operation() -> None:
    """A rule for Administrative entries names one operation; a list of them was refused (Azure/bicep, issue 6979)."""
    [rule] = made("Microsoft.Insights/activityLogAlerts")
    assert "anyOf" not in rule.body and "containsAny" not in rule.body
    assert "{ field: 'operationName', equals: item.operation }" in rule.says("allOf")
    named = re.findall(r"\{ name: '([\w-]+)', operation: '([\w./]+)' \}", variable("alerts.bicep", "tampering"))
    assert len({name for name, _ in named}) == len(named) == 12
    assert all(re.fullmatch(r"Microsoft\.\w+(/\w+)+/(delete|write|action)", operation) for _, operation in named)


def test_the_workbook_asks_our_component_wherever_it_is_opened() -> None:
    """Opened from its resource group, a workbook has no component of its own to ask."""
    assert json.loads((INFRA / "workbook.json").read_text())["fallbackResourceIds"] == ["INSIGHTS_ID"]
    [workbook] = made("Microsoft.Insights/workbooks")
    assert workbook.says("serializedData").endswith("'INSIGHTS_ID', insightsId)")
