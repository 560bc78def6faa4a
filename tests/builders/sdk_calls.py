"""The calls that a test makes on Statsig's SDK, and the events that must arrive: written by hand from sdk_config_spec.

Every call's user carries the call's number in `custom.call`: that ties a received event to the call that logged it.
"""

from dataclasses import dataclass, field, replace
from typing import Final

SECRET: Final = "4000-0566-5566-5556"
NETWORK: Final = "Network:Recognized"
UNKNOWN: Final = "Network:Unrecognized"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of the SDK (the first six fields) and what it leads to."""

    method: str
    name: str = ""
    user: dict[str, object] = field(default_factory=dict)
    """The arguments of StatsigUser."""
    parameter: str | None = None
    value: object = None
    metadata: dict[str, object] | None = None
    times: int = 1

    answer: object = None
    """What the SDK tells its caller; of an object the named members."""
    event_name: str = ""
    event_value: str = ""
    event_metadata: dict[str, str] = field(default_factory=dict)
    """For an exposure without what the SDK says of every one: reason, times, version."""
    unit_id: str | None = None
    reason: str = NETWORK
    arrives: int = 1
    """How many events of it arrive."""


def gate(name: str, user: dict, rule: str, *, passes: bool, id_type: str = "userID", **more: object) -> Call:
    metadata = {"gate": name, "gateValue": "true" if passes else "false", "ruleID": rule}
    call = Call(method="check_gate", name=name, user=user, answer=passes, event_metadata=metadata, unit_id=id_type)
    return replace(call, event_name="statsig::gate_exposure", **more)


def gate_object(name: str, user: dict, rule: str, *, passes: bool, id_type: str) -> Call:
    answer = {"value": passes, "rule_id": rule, "id_type": id_type}
    return gate(name, user, rule, passes=passes, id_type=id_type, method="get_feature_gate", answer=answer)


def config(name: str, user: dict, rule: str, *, passed: bool = True, id_type: str = "userID", **more: object) -> Call:
    metadata = {"config": name, "ruleID": rule, "rulePassed": "true" if passed else "false"}
    answer = {"rule_id": rule, "id_type": id_type}
    call = Call(method="get_dynamic_config", name=name, user=user, event_metadata=metadata, unit_id=id_type)
    return replace(call, event_name="statsig::config_exposure", answer=answer, **more)


def experiment(name: str, user: dict, group_name: str) -> Call:
    """The SDK tells its caller the group, and logs neither it nor that it was an experiment: EXPERIMENTS says that."""
    rule = f"group_{group_name.lower()}"
    call = config(name, user, rule)
    answer = {"rule_id": rule, "id_type": "userID", "group_name": group_name}
    call = replace(call, method="get_experiment", answer=answer)
    if name not in EXPERIMENTS:
        return call
    metadata = {**call.event_metadata, "experimentGroupName": ""}
    return replace(call, event_name="statsig::experiment_exposure", event_metadata=metadata)


def layer(name: str, user: dict, parameter: str, rule: str, experiment: str = "", **more: object) -> Call:
    metadata = {
        "config": name,
        "ruleID": rule,
        "parameterName": parameter,
        "isExplicitParameter": "true" if experiment else "false",
        "allocatedExperiment": experiment,
    }
    call = Call(method="get_layer", name=name, user=user, parameter=parameter, event_metadata=metadata)
    return replace(call, event_name="statsig::layer_exposure", unit_id="userID", **more)


def custom(
    name: str,
    user: dict,
    value: object = None,
    metadata: dict | None = None,
    *,
    text: str = "",
    strings: dict[str, str] | None = None,
    **more: object,
) -> Call:
    call = Call(method="log_event", name=name, user=user, value=value, metadata=metadata, event_name=name)
    return replace(call, event_value=text, event_metadata=strings or {}, **more)


PRO: Final = {
    "user_id": "user-pro",
    "email": "pro@example.org",
    "ip": "192.0.2.1",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "country": "DE",
    "locale": "de_DE",
    "app_version": "3.1.4",
    "statsig_environment": {"tier": "production"},
    "custom_ids": {"stableID": "stable-1", "companyID": 12},
    "custom": {"plan": "pro", "seats": 3, "score": 1.5, "whole": 2.0, "trial": False, "tags": ["a", "\u00e4"]},
    "private_attributes": {"badge": "gold", "card": SECRET},
}
FREE: Final = {"user_id": "user-free", "private_attributes": {"card": SECRET}}
DEVICE: Final = {"custom_ids": {"stableID": "stable-2"}}
COMPANY_DEVICE: Final = {"custom_ids": {"stableID": "stable-3", "companyID": "company-9"}, "custom": {"plan": "pro"}}
NOBODY: Final = {"user_id": ""}
USERS: Final = (PRO, FREE, DEVICE, COMPANY_DEVICE, NOBODY)

UNIT_TYPES: Final = {
    "device_gate": "stableID",
    "company_limits": "companyID",
    **dict.fromkeys(("checkout_v2", "sampled", "banner", "page", "no_such_gate"), "userID"),
}
"""`[source.unit_types]`: an SDK logs no ID type. kiosk_gate is left out: its users have one ID, which tells it."""

EXPERIMENTS: Final = {"button_color": "experiment"}
"""`[source.exposure_types]`; page_experiment is left out, and so its exposures stay those of a config."""

GATES: Final = (
    gate("checkout_v2", PRO, "pro_users", passes=True),
    gate("checkout_v2", FREE, "default", passes=False),
    gate("checkout_v2", DEVICE, "default", passes=False),
    gate("checkout_v2", COMPANY_DEVICE, "pro_users", passes=True),
    gate("insiders", PRO, "gold", passes=True),
    gate("insiders", FREE, "default", passes=False),
    gate("guarded", PRO, "after_checkout_v2", passes=True),
    gate("retired", PRO, "disabled", passes=False),
    gate("no_such_gate", DEVICE, "", passes=False, reason=UNKNOWN),
    gate_object("device_gate", PRO, "all_devices", passes=True, id_type="stableID"),
    gate_object("device_gate", DEVICE, "all_devices", passes=True, id_type="stableID"),
    gate_object("kiosk_gate", DEVICE, "all_kiosks", passes=True, id_type="stableID"),
    gate("sampled", NOBODY, "all_users", passes=True),
    # The SDK logs an exposure once a minute for a user, a check without exposure never, and both calls tell so.
    gate("sampled", FREE, "all_users", passes=True, times=2),
    gate("sampled", PRO, "all_users", passes=True, method="check_gate_unexposed", arrives=0),
)
CONFIGS: Final = (
    config("banner", PRO, "pro_banner"),
    config("banner", FREE, "default", passed=False),
    config("banner", DEVICE, "default", passed=False),
    config("company_limits", PRO, "all_companies", id_type="companyID"),
    experiment("button_color", PRO, "Test"),
    experiment("button_color", FREE, "Control"),
    experiment("page_experiment", FREE, "Bold"),
)
LAYERS: Final = (
    layer("page", PRO, "title", "group_bold", "page_experiment", answer={"read": "Bold", "group_name": "Bold"}),
    layer("page", PRO, "size", "group_bold", answer={"read": 3}),
    layer("page", DEVICE, "title", "group_bold", "page_experiment", answer={"read": "Bold"}),
    layer("empty_page", FREE, "title", "default", answer={"read": "Plain"}),
)
VALUES: Final = (
    ("a text", "a text"),
    ("", ""),
    (None, ""),
    ('  \u2028\U0001f600\\"/\t', '  \u2028\U0001f600\\"/\t'),
    (7, "7"),
    (0, "0"),
    (-3, "-3"),
    (19.99, "19.99"),
    (2.0, "2"),
    (0.1 + 0.2, "0.30000000000000004"),
    (1e21, "1000000000000000000000"),
    (1e-7, "0.0000001"),
    # The SDK takes every number for a double, and a boolean for a number; a list for nothing.
    (2**53 + 1, "9007199254740992"),
    (True, "1"),
    ([1, 2], ""),
)
MIXED: Final = {
    "sku": "a-1",
    "quantity": 2,
    "price": 19.99,
    "whole": 3.0,
    "gift": False,
    "coupon": None,
    "lines": [{"sku": "b"}, None, 2.5],
    "privateAttributes": {"card": SECRET},
}
MIXED_STRINGS: Final = {
    "sku": "a-1",
    "quantity": "2",
    "price": "19.99",
    "whole": "3",
    "gift": "false",
    "lines": '[{"sku":"b"},null,2.5]',
}
CUSTOM_EVENTS: Final = (
    *(custom("purchase", PRO, value, text=text) for value, text in VALUES),
    *(custom("page_view", user, metadata={"path": "/"}, strings={"path": "/"}) for user in USERS),
    custom("checkout", FREE, 5, MIXED, text="5", strings=MIXED_STRINGS),
    custom("nothing_said", DEVICE),
    custom("empty_metadata", DEVICE, metadata={}),
    custom("Grün \U0001f600", FREE),
    custom("statsig::app_error", FREE, "boom", text="boom"),
    # Two identical events are two events.
    custom("click", FREE, "twice", text="twice", times=2, arrives=2),
)
NAMELESS: Final = custom("", FREE, "no name", arrives=0)
FLUSH: Final = Call(method="flush_events", arrives=0)


def numbered(*calls: Call) -> tuple[Call, ...]:
    """The calls, each with its number in its user."""
    return tuple(
        replace(call, user={**call.user, "custom": {**call.user.get("custom", {}), "call": number}})
        for number, call in enumerate(calls)
    )


CALLS: Final = numbered(*GATES, *CONFIGS, FLUSH, *LAYERS, *CUSTOM_EVENTS, NAMELESS)
