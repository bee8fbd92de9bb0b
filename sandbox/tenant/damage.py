"""What a fault does to an answer that the service had already given."""

from __future__ import annotations

import copy
import json
import re
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sandbox.tenant.calls import Answer
from sandbox.tenant.faults import Fault

LINKS = ("@odata.nextLink", "@odata.deltaLink")


def damaged(fault: Fault, answer: Answer, url: str) -> Answer:
    """The answer as the fault leaves it; transport faults (lost, cut, slow) are the server's business."""
    if fault.do == "header":
        return Answer(answer.status, answer.body, {**answer.headers, **fault.headers})
    if not isinstance(answer.body, dict) or answer.status >= 300:
        return answer
    body = copy.deepcopy(answer.body)
    value = body.get("value")
    if fault.do == "link-host":
        _rehost(body, fault.to)
    elif fault.do == "link-edit":
        body |= {k: re.sub(fault.find, fault.to, str(body[k])) for k in LINKS if k in body}
    elif isinstance(value, list):
        if fault.do == "loop-link":
            body.pop("@odata.deltaLink", None)
            body["@odata.nextLink"] = url
        elif fault.do == "empty-page":
            body = {k: v for k, v in body.items() if k not in LINKS}
            body |= {"value": [], "@odata.nextLink": _another(url, fault)}
        elif fault.do == "replay":
            body["value"] = value + value[:1] + value[::-1]
        elif fault.do == "stray":
            body["value"] = [{"id": f"AAMkADstray{fault.strikes}AAA=", "@removed": {"reason": "deleted"}}, *value]
        elif fault.do == "hide":
            body["value"] = [v for v in value if not re.search(fault.find, json.dumps(v, ensure_ascii=False))]
        elif fault.do in ("fuzz", "null"):
            body["value"] = [_fuzzed(v, fault.do) for v in value]
    return Answer(answer.status, body, answer.headers)


def _another(url: str, fault: Fault) -> str:
    """The same place under another link: what follows ~ in a token is ignored."""
    head, mark, token = url.partition("$skiptoken=")
    if mark:
        return f"{head}{mark}{token.split('~')[0]}~{fault.strikes}"
    return f"{url}{'&' if '?' in url else '?'}$skiptoken=~{fault.strikes}"


def _rehost(value: Any, host: str) -> None:
    """Every link of the answer points at another host."""
    if isinstance(value, list):
        for v in value:
            _rehost(v, host)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in (*LINKS, "@microsoft.graph.downloadUrl", "uploadUrl") and isinstance(inner, str):
                parts = urlsplit(inner)
                scheme, _, name = host.rpartition("://")
                value[key] = urlunsplit((scheme or parts.scheme, name, parts.path, parts.query, ""))
            else:
                _rehost(inner, host)


def _fuzzed(item: Any, how: str) -> Any:
    """Types a client did not expect: null for text, numbers as text, members nobody knows."""
    if not isinstance(item, dict) or "@removed" in item or "deleted" in item:
        return item
    out = dict(item)
    for key, value in item.items():
        if key.startswith("@") or key == "id":
            continue
        if isinstance(value, str) and how == "null":
            out[key] = None
        elif isinstance(value, int) and not isinstance(value, bool) and how == "fuzz":
            out[key] = str(value)
    if how == "fuzz":
        out["unheardOf"] = {"nested": [1, "two", None]}
    return out
