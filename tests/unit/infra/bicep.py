"""A small reader of Bicep: enough to list resources, roles and settings of templates written as ours are. It is no
compiler; what it does not understand it does not report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TOP = re.compile(r"^(?P<kind>resource|module|var|param|output)\s+(?P<name>\w+)\s*(?P<rest>[^\n]*)", re.MULTILINE)
_PAIRS = {"{": "}", "[": "]", "(": ")"}


@dataclass(frozen=True, slots=True)
class Declared:
    """One top-level declaration. `head`: its first line behind the name; `body`: all of its text."""

    kind: str
    name: str
    head: str
    body: str
    file: str

    @property
    def type(self) -> str:
        """Of a resource, without the API version; of a module, its file."""
        found = re.match(r"'([^'@]+)", self.head)
        return found[1] if found else ""

    @property
    def version(self) -> str:
        found = re.match(r"'[^'@]+@([^']+)'", self.head)
        return found[1] if found else ""

    @property
    def existing(self) -> bool:
        return " existing " in f"{self.head} "

    def says(self, member: str) -> str:
        """The value of the first member of this name, as it stands in the text; "" when there is none."""
        found = re.search(rf"\b{member}:\s*", self.body)
        return _value(self.body, found.end()) if found else ""


def without_comments(text: str) -> str:
    """Comments go, strings stay, and `//` inside a string is no comment."""
    kept = re.sub(r"('(?:\\.|[^'\\\n])*')|//[^\n]*|/\*.*?\*/", lambda m: m[1] or "", text, flags=re.DOTALL)
    return re.sub(r"[ \t]+$", "", kept, flags=re.MULTILINE)


def read(path: Path) -> list[Declared]:
    return list(_declared(without_comments(path.read_text()), path.name))


def _declared(text: str, file: str) -> Iterator[Declared]:
    starts = list(_TOP.finditer(text))
    for this, after in zip(starts, [*starts[1:], None], strict=True):
        body = text[this.start() : after.start() if after else len(text)]
        yield Declared(this["kind"], this["name"], this["rest"].strip(), body, file)


def _value(text: str, at: int) -> str:
    """From `at` to the end of the value: a bracketed one whole, another one to the end of its line or member."""
    if text[at] in _PAIRS:
        return text[at : _closing(text, at) + 1]
    depth, end, quoted = 0, at, False
    while end < len(text):
        char = text[end]
        if char == "'":
            quoted = not quoted
        elif not quoted:
            depth += (char in "([{") - (char in ")]}")
            if depth < 0 or char == "\n" or (char == "," and depth == 0):
                break
        end += 1
    return text[at:end].strip()


def _closing(text: str, at: int) -> int:
    depth, quoted = 0, False
    for i in range(at, len(text)):
        char = text[i]
        if char == "'":
            quoted = not quoted
        elif not quoted:
            depth += (char in _PAIRS) - (char in _PAIRS.values())
            if depth == 0:
                return i
    raise ValueError("a bracket is not closed")


def members(body: str) -> dict[str, str]:
    """Names and values of an object's own members, one to a line."""
    inner = body[body.index("{") + 1 : _closing(body, body.index("{"))]
    found, at = {}, 0
    while at < len(inner) and (match := re.compile(r"\s*,?\s*'?([\w.$-]+)'?:\s*").match(inner, at)):
        value = _value(inner, match.end())
        found[match[1]] = value
        at = match.end() + len(value)
    return found


def strings(text: str) -> list[str]:
    return re.findall(r"'((?:\\.|[^'\\])*)'", text)


# --- what must not be in a template -----------------------------------------------------------------------------------

SECRETS = {
    "a list... call gives keys away": r"\blist(Keys|Secrets|AccountSas|ServiceSas|ConnectionStrings|\w*Keys)\s*\(",
    "a connection string": (
        r"AccountKey=|SharedAccessSignature|SharedAccessKey=|DefaultEndpointsProtocol=|connectionString\b"
    ),
    "a shared access signature": r"[?&]sig=",
    "a key as it may stand in a file": r"'[A-Za-z0-9+/]{40,}={0,2}'",
    "an instrumentation key": r"InstrumentationKey",
    "the host's storage by connection string": r"\bAzureWebJobsStorage:|'AzureWebJobsStorage'",
    "a function key": r"WEBSITE_CONTENTAZUREFILECONNECTIONSTRING|authLevel",
    "keys are allowed": r"allowSharedKeyAccess:\s*true|disableLocalAuth:\s*false|DisableLocalAuth:\s*false",
}  # Application Insights' ConnectionString names the component and opens nothing: it is spelt with a capital


def secrets_in(text: str) -> list[str]:
    return [what for what, pattern in SECRETS.items() if re.search(pattern, without_comments(text))]


# Built-in roles that may be given, and on what (Azure docs: built-in roles).
FINE = {
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": "Storage Queue Data Message Sender",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
    "a4417e6f-fecd-4de8-b567-7b0420556985": "Key Vault Certificates Officer",
    "db58b8e5-c6ad-4a2a-8342-4190687cbf4a": "Storage Blob Delegator",
    "e147488a-f6f5-4113-8e2d-b22465e65bf6": "Key Vault Crypto Service Encryption User",
}
# ... and the resources on which the wide ones among them are right.
ONLY_ON = {
    "Storage Blob Data Owner": {"backupHost", "restoreHost", "careHost"},
    "Storage Table Data Contributor": {"backupHost", "restoreHost", "careHost"},
    "Storage Queue Data Contributor": {"backupQueue[i]", "restoreQueue[i]", "retentionQueue[i]"},
    "Storage Blob Delegator": {"vault"},
    "Key Vault Secrets Officer": {"vault"},
    "Key Vault Certificates Officer": {"vault"},
    "Key Vault Secrets User": {"backupSecret", "restoreSecret"},
    "Key Vault Crypto Service Encryption User": {"key"},
}


def wide_roles(declared: list[Declared]) -> list[str]:
    """What is wrong with the roles given in these declarations."""
    wrong = []
    guids = {d.name: g for d in declared if d.kind == "var" for g in re.findall(r"'([0-9a-f-]{36})'", d.body)}
    for each in declared:
        if each.type == "Microsoft.Authorization/roleAssignments" and not each.existing:
            role, scope = each.says("roleDefinitionId"), each.says("scope")
            name = FINE.get(guids.get(role, ""), "") or ("custom" if role.endswith("RoleId") else "")
            if not scope or "resourceGroup" in scope or "subscription" in scope:
                wrong.append(f"{each.name}: given for a whole group or subscription")
            if not name:
                wrong.append(f"{each.name}: role {role} is not one that may be given")
            if scope not in ONLY_ON.get(name, {scope}):
                wrong.append(f"{each.name}: {name} is too wide for {scope}")
        if each.type == "Microsoft.Authorization/roleDefinitions" and "*" in each.body:
            wrong.append(f"{each.name}: a role with a wildcard")
    return wrong
