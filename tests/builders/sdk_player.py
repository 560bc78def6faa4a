"""A separate program: makes calls on the real SDK (statsig-python-core) and records what each returns.

    python sdk_player.py <the collector's URL> <calls.json> <played.json>

The SDK is a native extension with threads of its own and handlers at exit and fork: it gets a process to itself.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from statsig_python_core import FeatureGateEvaluationOptions, Statsig, StatsigOptions, StatsigUser

SDK_KEY = "secret-of-the-stand-in"


def options(url: str) -> StatsigOptions:
    """Every address is the collector's; what would fetch, write or wait is off."""
    return StatsigOptions(
        specs_url=f"{url}/v2/download_config_specs",
        log_event_url=f"{url}/v1/log_event",
        id_lists_url=f"{url}/v1/get_id_lists",
        download_id_list_file_api=f"{url}/v1/download_id_list_file",
        fallback_to_statsig_api=False,
        enable_id_lists=False,
        disable_country_lookup=True,
        wait_for_country_lookup_init=False,
        wait_for_user_agent_init=False,
        use_third_party_ua_parser=False,
        disable_disk_access=True,
        environment="staging",
        init_timeout_ms=3_000,
        specs_sync_interval_ms=3_600_000,
    )


def play(sdk: Statsig, call: dict) -> object:
    """What the SDK answers its caller, as JSON can say it."""
    if call["method"] == "flush_events":
        sdk.flush_events().wait()
        return None
    user, name = StatsigUser(**call["user"]), call["name"]
    if call["method"] == "get_layer":
        layer = sdk.get_layer(user, name)
        return {**layer.to_dict(), "read": layer.get(call["parameter"])}
    unexposed = FeatureGateEvaluationOptions(disable_exposure_logging=True)
    plays: dict[str, Callable[[], object]] = {
        "check_gate": lambda: sdk.check_gate(user, name),
        "check_gate_unexposed": lambda: sdk.check_gate(user, name, unexposed),
        "get_feature_gate": lambda: sdk.get_feature_gate(user, name).to_dict(),
        "get_dynamic_config": lambda: sdk.get_dynamic_config(user, name).to_dict(),
        "get_experiment": lambda: sdk.get_experiment(user, name).to_dict(),
        "log_event": lambda: sdk.log_event(user, name, call["value"], call["metadata"]),
    }
    return plays[call["method"]]()


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def main(url: str, calls: Path, played: Path) -> None:
    sdk = Statsig(SDK_KEY, options(url))
    sdk.initialize().wait()
    answers = []
    for call in json.loads(calls.read_text()):
        before = now_ms()
        answer = [play(sdk, call) for _ in range(call["times"])][-1]
        answers.append({"before": before, "after": now_ms(), "answer": answer})
        time.sleep(0.002)  # so that no two calls share a millisecond
    sdk.shutdown().wait()
    played.write_text(json.dumps(answers))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
