"""The made-up tenants that a person may ask for in other sizes."""

from __future__ import annotations

import pytest

from sandbox.tenant.seed import FEWEST, make_tenant
from sandbox.tenant.state import Options


def test_the_demo_s_tenant_may_be_small_and_says_how_small() -> None:
    tenant = make_tenant("demo", Options(latency_s=0), users=FEWEST, mails=1, files=0)
    assert tenant.find_user("bernd@contoso.example") and tenant.find_user("chlo@contoso.example") is None
    with pytest.raises(ValueError, match="users: at least 2"):
        make_tenant("demo", Options(latency_s=0), users=FEWEST - 1)
