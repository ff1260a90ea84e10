from __future__ import annotations

import pytest

from hammerstone.sandbox import Sandbox
from hammerstone.sandbox.conformance import ATTACKS, PropertyFinding, run_conformance
from hammerstone.sandbox.conformance.attack import Attack
from hammerstone.sandbox.conformance.run import run_attack

pytestmark = pytest.mark.anyio

# Attacks that an unconfined worker survives and the machine does not mind.
HARMLESS = (
    "read_a_file_outside",
    "read_the_users_of_the_host",
    "read_by_way_of_parent_folders",
    "read_by_way_of_proc_root",
    "list_a_folder_outside",
    "read_the_source_of_hammerstone",
    "write_a_file_outside",
    "change_a_file_outside",
    "reopen_descriptors_through_proc",
    "learn_what_files_there_are",
    "read_the_library",
    "connect_by_tcp",
    "send_by_udp",
    "connect_by_unix_socket",
    "connect_by_abstract_socket",
    "listen_on_a_port",
    "make_a_pair_of_sockets",
    "fork_once",
    "start_a_shell",
    "replace_itself",
    "spawn_a_process",
    "leave_the_session",
    "raise_the_cpu_limit",
    "take_memory_from_the_kernel",
    "make_a_memory_file",
    "run_a_program_from_memory",
    "outlive_the_worker",
    "add_a_system_call_filter",
    "read_the_environment_in_memory",
    "send_by_proc",
    "send_by_clocks_of_other_processes",
    "talk_by_futex_of_every_kind",
    "learn_which_processes_there_are",
    "count_the_processes_in_between",
    "learn_which_processor_it_runs_on",
    "learn_how_much_memory_is_free",
    "push_pages_of_a_library_about",
    "take_shared_memory",
    "bring_machine_code",
    "make_every_processor_wait",
    "draw_by_chance",
    "draw_from_the_kernel",
    "see_time_pass",
    "see_time_pass_in_python",
    "read_the_kernels_page_of_times",
    "read_the_processors_counter",
    "wait_for_a_time",
    "hear_when_another_call_ended",
)
BY_NAME = {attack.name: attack for attack in ATTACKS}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
async def test_the_attack_fails_and_the_next_call_is_served(sandbox: Sandbox, attack: Attack) -> None:
    finding = await run_attack(sandbox, attack)
    assert finding.passed, finding.detail


@pytest.mark.parametrize("name", HARMLESS)
async def test_the_attack_succeeds_where_nothing_confines_it(unconfined: Sandbox, name: str) -> None:
    finding = await run_attack(unconfined, BY_NAME[name])
    assert not finding.passed, "an attack that cannot succeed proves nothing"


async def test_each_finding_is_told_as_it_comes(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hammerstone.sandbox.conformance.run.ATTACKS", ATTACKS[:2])
    told: list[PropertyFinding] = []
    findings = await run_conformance(sandbox, told.append)
    assert tuple(told) == findings
    assert [finding.name for finding in findings] == [attack.name for attack in ATTACKS[:2]]


def test_every_attack_has_a_name_of_its_own_and_a_description() -> None:
    assert len(BY_NAME) == len(ATTACKS) >= 40
    assert all(attack.description for attack in ATTACKS)
