from __future__ import annotations

import ipaddress

import pytest

from fleettrack import config
from fleettrack.domain import errors


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in config.Settings.model_fields:
        monkeypatch.delenv(f"FLEETTRACK_{name.upper()}", raising=False)
    return tmp_path


def test_arguments_win_over_the_environment_and_that_over_the_file(elsewhere, monkeypatch):
    (elsewhere / config.FILE).write_text('port = 1\nnmea_port = 2\nhost = "192.0.2.1"\n')
    monkeypatch.setenv("FLEETTRACK_PORT", "3")
    monkeypatch.setenv("FLEETTRACK_NMEA_PORT", "4")
    found = config.load(port=5, nmea_port=None)
    assert (found.port, found.nmea_port, found.host) == (5, 4, "192.0.2.1")


def test_listeners_come_from_tables_and_after_the_plain_ones(elsewhere, monkeypatch):
    (elsewhere / config.FILE).write_text(
        'nmea_ack = true\n[[listeners]]\ntransport = "udp"\nport = 7\nnetworks = ["10.0.0.0/8"]\n'
    )
    monkeypatch.setenv("FLEETTRACK_NMEA_UDP_PORT", "6")
    tcp, udp, listed = config.load().tracker_listeners()
    assert (tcp.transport, tcp.ack, udp.transport, udp.port) == ("tcp", True, "udp", 6)
    assert (listed.transport, listed.port, listed.networks) == ("udp", 7, (ipaddress.ip_network("10.0.0.0/8"),))


def test_a_port_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("FLEETTRACK_NMEA_PORT", "off")
    assert config.load().tracker_listeners() == ()


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ('port = "x"', "port"),
        ("port = 70000", "port"),
        ("prot = 1", "prot"),
        ("[[listeners]]\nprotocol = 'morse'", "listeners.0.protocol"),
        ("[[listeners]]\nnetworks = ['10.0.0.1/8']", "listeners.0.networks.0"),
    ],
)
def test_a_wrong_setting_is_named(elsewhere, written, place):
    (elsewhere / config.FILE).write_text(written)
    with pytest.raises(errors.Invalid) as caught:
        config.load()
    assert any(problem["place"].startswith(place) for problem in caught.value.facts["problems"])


def test_a_file_that_is_no_toml_is_named(elsewhere):
    (elsewhere / config.FILE).write_text("port == 1")
    with pytest.raises(errors.Invalid, match=config.FILE):
        config.load()


def test_the_database_address_with_its_password_is_not_printed():
    assert "hush" not in repr(config.load(database_url="postgresql://u:hush@h/d"))
