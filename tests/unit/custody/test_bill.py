"""A bill verifies from pinned trust alone; one with any byte changed, or with another story in it, does not."""

import json
import random
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.audit.note import NoteSigner
from engine.custody.account import verify_bill
from engine.custody.bill import Bill, encode, issue, parse_bill, seal_bill
from engine.custody.statements import Acceptance, DeliveryReceipt, Offer, Predicate, Verdict
from engine.digest import canonical, sha256
from engine.errors import EvidenceError, InputError, IntegrityError, LogTampered

from .conftest import ACME, ADA, BEA, BOREALIS, MADE, TRANSFER, Handoff, agree

ROOT = Path(__file__).parents[3]
