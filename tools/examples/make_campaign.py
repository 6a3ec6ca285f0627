#!/usr/bin/env python3
"""Makes a campaign from what a shop knows: campaign.json and recipients.ndjson (engine/campaign/FORMAT.md).

    make_campaign.py DIR && sluice check DIR/campaign.json
"""
import json
import pathlib
import sys

ORDERS = [
    {"email": "zoe@example.net", "order": "A-1001", "name": "Zoë \"Zo\" Müller", "items": [
        {"title": "Lentils & rice", "count": 2}, {"title": "Tea", "count": 1}]},
    {"email": "ann@example.org", "order": "A-1002", "name": "Ann", "items": [{"title": "Coffee", "count": 3}]},
]

CAMPAIGN = {
    "format": 1, "id": "orders-2026-48", "kind": "transactional",
    "from": {"address": "shop@example.com", "name": "The Shop"},
    "to": {"name": "{{name}}"},
    "envelope": {"sender": "bounce+{{token}}@bounces.example.com"},
    "message": {
        "subject": "Your order {{order}}",
        "text": "Hello {{name}},\n\nyou ordered:\n{{#items}}\n- {{count}} x {{title}}\n{{/items}}\n"},
    "recipients": {"file": "recipients.ndjson", "key": "order", "expect": len(ORDERS)},
    "delivery": {"dkim": "optional"},
}

if len(sys.argv) != 2 or not pathlib.Path(sys.argv[1]).is_dir():
    sys.exit("usage: make_campaign.py DIR, which is there")
folder = pathlib.Path(sys.argv[1])
with open(folder / "recipients.ndjson", "w", encoding="utf-8") as rows:
    for order in ORDERS:
        rows.write(json.dumps(order, ensure_ascii=False) + "\n")
(folder / "campaign.json").write_text(json.dumps(CAMPAIGN, indent=1, ensure_ascii=False), encoding="utf-8")
