"""What a message says of names and answers that others have chosen."""

import json

import pytest

from statsig_export.alert_settings import EmailAlerts
from statsig_export.alerts.email_sender import _mail
from statsig_export.alerts.incidents import Incident, Observation, Turn
from statsig_export.alerts.messages import Message
from statsig_export.monitoring.rules import Fault, Level

HOSTILE = "<!channel> @channel <https://x|y>\r\nBcc: all@x\r\n\r\n\udce9\u202e\x00\x1b[31m"


@pytest.mark.fault("F637")
def test_text_of_others_mentions_nobody_adds_no_header_and_can_always_be_sent():
    seen = Observation(f"run:{HOSTILE}", Level.CRITICAL, HOSTILE, Fault.SOURCE, HOSTILE, (HOSTILE,), (HOSTILE,))
    incident = Incident(seen, since_ms=0, open_ms=0, over_ms=5)
    message = Message("fivetran", [(incident, Turn.BEGAN), (incident, Turn.OVER)], "https://dagster.example")
    settings = EmailAlerts(host="localhost", security="none", sender="a@example.com", to=("b@example.com",))
    mail = _mail(settings, message)

    shown = json.loads(message.slack)["text"]
    assert not [sign for sign in ("<", ">", "@channel", "@x", "\r", "\x1b", "\u202e") if sign in shown]
    assert json.loads(message.document)["incidents"][0]["state"] == "began"
    assert mail["Bcc"] is None
    assert b"\nBcc:" not in mail.as_bytes()
    assert message.id == message.id.lower()
