"""A small configuration as Statsig's servers hand it to an SDK (the answer to download_config_specs, version 2).

Rules are met by the first of their conditions' names in CONDITIONS; every rule passes everybody whom it meets, so no
bucketing decides what a call answers.
"""

from typing import Final

VERSION: Final = 7
TIME_MS: Final = 1_795_000_000_000

CONDITIONS: Final = {
    "everyone": {"type": "public"},
    "on_the_pro_plan": {"type": "user_field", "field": "plan", "operator": "any", "targetValue": ["pro"]},
    "with_a_gold_badge": {"type": "user_field", "field": "badge", "operator": "any", "targetValue": ["gold"]},
    "passes_checkout_v2": {"type": "pass_gate", "targetValue": "checkout_v2"},
}


def rule(rule_id: str, condition: str, value: object, **more: object) -> dict[str, object]:
    return {
        "id": rule_id,
        "name": rule_id,
        "groupName": rule_id,
        "salt": "",
        "passPercentage": 100,
        "conditions": [condition],
        "returnValue": value,
        "idType": "userID",
        **more,
    }


def group(group_name: str, condition: str, value: object) -> dict[str, object]:
    """A group of an experiment: a rule with a name."""
    return rule(f"group_{group_name.lower()}", condition, value, groupName=group_name, isExperimentGroup=True)


def spec(entity: str, default: object, *rules: dict[str, object], **more: object) -> dict[str, object]:
    return {
        "type": "feature_gate" if entity == "feature_gate" else "dynamic_config",
        "entity": entity,
        "salt": entity,
        "idType": "userID",
        "enabled": True,
        "defaultValue": default,
        "rules": list(rules),
        "version": VERSION,
        **more,
    }


def gate(*rules: dict[str, object], **more: object) -> dict[str, object]:
    return spec("feature_gate", False, *rules, **more)  # noqa: FBT003 - a gate's default value


def experiment(default: object, *groups: dict[str, object], **more: object) -> dict[str, object]:
    return spec("experiment", default, *groups, isActive=True, **more)


GATES: Final = {
    "checkout_v2": gate(rule("pro_users", "on_the_pro_plan", value=True)),
    "insiders": gate(rule("gold", "with_a_gold_badge", value=True)),
    "guarded": gate(rule("after_checkout_v2", "passes_checkout_v2", value=True)),
    "sampled": gate(rule("all_users", "everyone", value=True, samplingRate=1)),
    "retired": gate(enabled=False),
    "device_gate": gate(rule("all_devices", "everyone", value=True), idType="stableID"),
    "kiosk_gate": gate(rule("all_kiosks", "everyone", value=True), idType="stableID"),
}

CONFIGS: Final = {
    "banner": spec("dynamic_config", {"text": ""}, rule("pro_banner", "on_the_pro_plan", {"text": "Thanks"})),
    "company_limits": spec(
        "dynamic_config", {"seats": 1}, rule("all_companies", "everyone", {"seats": 9}), idType="companyID"
    ),
    "button_color": experiment(
        {"color": "grey"},
        group("Test", "on_the_pro_plan", {"color": "blue"}),
        group("Control", "everyone", {"color": "grey"}),
    ),
    "page_experiment": experiment(
        {"title": "Plain", "size": 3},
        group("Bold", "everyone", {"title": "Bold", "size": 3}),
        explicitParameters=["title"],
        hasSharedParams=True,
    ),
}

LAYERS: Final = {
    "page": spec(
        "layer",
        {"title": "Plain", "size": 3},
        rule("page_assignment", "everyone", {"title": "Plain", "size": 3}, configDelegate="page_experiment"),
    ),
    "empty_page": spec("layer", {"title": "Plain"}),
}

SPECS: Final = {
    "has_updates": True,
    "time": TIME_MS,
    "company_id": "company",
    "response_format": "dcs-v2",
    "feature_gates": GATES,
    "dynamic_configs": CONFIGS,
    "layer_configs": LAYERS,
    "condition_map": {
        name: {"operator": None, "targetValue": None, "field": None, "additionalValues": {}, "idType": "userID", **rest}
        for name, rest in CONDITIONS.items()
    },
    "layers": {"page": ["page_experiment"], "empty_page": []},
    "experiment_to_layer": {"page_experiment": "page"},
    "id_lists": {},
    "param_stores": {},
    # Exposures are marked with what sampling would have done to them, and all are logged.
    "sdk_configs": {"sampling_mode": "shadow"},
    "diagnostics": {"initialize": 10_000},
}
