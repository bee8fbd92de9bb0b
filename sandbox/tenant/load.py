"""Real input for the simulated tenant: a directory tree as a OneDrive, a folder of mail as a mailbox."""

from __future__ import annotations

from sandbox.tenant.load_drives import load_tree
from sandbox.tenant.load_mail import load_mail

__all__ = ["load_mail", "load_tree"]
