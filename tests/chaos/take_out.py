"""Take each mechanism out, and see that its test fails: `python -m tests.chaos.take_out`.

Works on a copy of the tree. Prints a line for each mechanism; exits 1 if a test passes without what it is to show, or
fails with it in place.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_LIMIT_S = 240.0
_LEAST_LIMIT_S = 60.0
_SHOWN = "fails without"


@dataclass(frozen=True)
class Mechanism:
    """A line that keeps a promise, what stands in its place when it is taken out, and the test that must fail then."""

    name: str
    file: str
    line: str
    instead: str
    test: str


_GROUP, _DEADLINE, _LEDGER = "cluster/worker_group.py", "cluster/deadline.py", "cluster/ledger.py"
_CHAOS = "tests/chaos/test_chaos.py::test_"
MECHANISMS = [
    Mechanism(
        "a lost task is tried again",
        _LEDGER,
        "        self._suspects.append(task)\n",
        "",
        f"{_CHAOS}actors_are_killed[0]",
    ),
    Mechanism(
        "a suspect is tried alone",
        _LEDGER,
        "self._suspects.popleft(), alone=True",
        "self._suspects.popleft()",
        "tests/cluster/test_ledger.py",
    ),
    Mechanism(
        "at most three attempts",
        _LEDGER,
        "if self._losses[task] >= self._max_attempts:",
        "if False:",
        "tests/cluster/test_ledger.py",
    ),
    Mechanism(
        "no copies of suspects",
        _LEDGER,
        "        if not alone:\n            self._uncopied[task] = None\n",
        "        self._uncopied[task] = None\n",
        "tests/cluster/test_ledger.py",
    ),
    Mechanism(
        "a refused task is tried again",
        _LEDGER,
        "            self._refused.appendleft(task)\n",
        "",
        "tests/cluster/test_ledger.py",
    ),
    Mechanism(
        "a hanging actor is replaced",
        _DEADLINE,
        "if worker.tasks and now - worker.busy_since > deadline_s:",
        "if False:",
        "tests/cluster/test_pool.py::test_a_worker_that_hangs_is_replaced_and_its_task_done_by_another",
    ),
    Mechanism(
        "an actor that hangs at its start is replaced",
        _DEADLINE,
        "if worker.is_starting and now - worker.busy_since > (start_s := self.start_seconds()):",
        "if False:",
        "tests/cluster/test_worker_group.py::test_workers_that_hang_at_start_are_said_to_start_and_not_waited_for_without_end",
    ),
    Mechanism(
        "the tail is copied",
        _LEDGER,
        "            return self._copy(worker_id, is_open)\n",
        "            return None\n",
        "tests/cluster/test_ledger.py",
    ),
    Mechanism(
        "nodes that join are used",
        _GROUP,
        "        wanted = room if self._placement.elastic else self._placement.num_workers\n",
        "        wanted = self._placement.num_workers\n",
        f"{_CHAOS}a_node_that_joins_late_is_used[0]",
    ),
    Mechanism(
        "the end of Ray's head is noticed",
        _GROUP,
        "        if not self._head.is_up():\n            return\n",
        "",
        "tests/chaos/test_own_ray.py::test_a_server_of_ray_is_killed[gcs_server-0]",
    ),
    Mechanism(
        "a command that is ended from outside says what to do",
        "jobs/console/session.py",
        "with last_words.last_words(), session",
        "with session",
        "tests/chaos/test_own_ray.py::test_an_actor_and_rays_agents_are_killed_together[0]",
    ),
    Mechanism(
        "a job ends when no worker is left to start",
        _GROUP,
        "        if not self._workers:\n            self._give_up()\n",
        "",
        "tests/cluster/test_worker_group.py::test_the_job_ends_when_starts_have_failed_and_then_the_last_worker_dies",
    ),
    Mechanism(
        "files are looked for from every node",
        "cluster/shared_files.py",
        "    return {node: missing for node, missing in found.items() if missing}\n",
        "    return {}\n",
        "tests/cluster/test_shared_files.py",
    ),
    Mechanism(
        "workers are built only where the files are seen",
        "cluster/shared_files.py",
        "    for file in find_missing(files, patience_s):\n",
        "    for file in ():\n",
        "tests/cluster/test_shared_files.py",
    ),
    Mechanism(
        "actors share a GPU's memory",
        "cluster/devices.py",
        "    if not 0 < share < 1:\n",
        "    if True:\n",
        "tests/cluster/test_pool.py::test_only_a_shared_gpu_has_its_memory_bounded",
    ),
    Mechanism(
        "devices and pipes are not replaced",
        "scoring/storage/durable.py",
        '        raise OSError(errno.EINVAL, "it is no regular file")\n',
        "        pass\n",
        "tests/scoring/storage/test_durable.py",
    ),
    Mechanism(
        "a shard is written out of sight",
        "scoring/storage/durable.py",
        "    temporary = hidden / path.name\n",
        "    temporary = path\n",
        "tests/scoring/storage/test_durable.py",
    ),
    Mechanism(
        "photos that were replaced are scored again",
        "scoring/run/renewal.py",
        "num_changed := _count_changed(*rows) + num_newer:\n",
        "num_changed := num_newer:\n",
        "tests/jobs/score/test_changed_inputs.py",
    ),
    Mechanism(
        "photos newer than a run that kept no stamps are scored again",
        "scoring/run/renewal.py",
        "    return sum(is_changed(ImageEntry(**row)) for row in asked.to_pylist())\n",
        "    return 0\n",
        "tests/jobs/score/test_changed_inputs.py",
    ),
    Mechanism(
        "a shard says which photos it was made of",
        "scoring/run/shard_inspection.py",
        "    if expected.inputs and",
        "    if False and",
        "tests/jobs/score/test_changed_inputs.py::test_shards_say_themselves_which_photos_they_were_made_of",
    ),
    Mechanism(
        "a tar is read as it was listed or not at all",
        "scoring/sources/tar_images.py",
        "            if image.stamp is not None and image.stamp not in opened.stamps:\n",
        "            if False:\n",
        "tests/scoring/sources/test_tar_images.py",
    ),
    Mechanism(
        "a table is read as it was listed or not at all",
        "scoring/sources/table_bytes.py",
        "            if image.stamp is not None and image.stamp not in self._opened.stamps:\n",
        "            if False:\n",
        "tests/scoring/sources/test_table_parts.py",
    ),
    Mechanism(
        "a table that is half written anew has changed",
        "scoring/sources/table_bytes.py",
        "            self._refuse_another()\n            raise\n",
        "            raise\n",
        "tests/scoring/sources/test_table_parts.py",
    ),
    Mechanism(
        "a table that is none any more has changed",
        "scoring/sources/table_bytes.py",
        '        if getattr(error.__cause__, "errno", None) is None:',
        "        if False:",
        "tests/scoring/sources/test_table_parts.py",
    ),
    Mechanism(
        "a read that hangs is given up",
        "scoring/storage/read_deadline.py",
        "    if seconds is None:\n",
        "    if True:\n",
        "tests/scoring/storage/test_read_deadline.py::"
        "test_an_image_whose_read_blocks_is_an_image_error_in_every_kind_of_collection[folder]",
    ),
    Mechanism(
        "a fingerprint that differs is refused",
        "scoring/run/fingerprint.py",
        "if name in known and",
        "if False and",
        "tests/scoring/shards/test_scorer.py",
    ),
    Mechanism(
        "a second driver is refused",
        "scoring/run/lease.py",
        "        if other is not None and not _is_gone(path, other):",
        "        if False:",
        "tests/scoring/run/test_lease.py",
    ),
    Mechanism(
        "a dead driver's lease is taken at once",
        "scoring/run/lease.py",
        "        return True\n    watched_since",
        "        pass\n    watched_since",
        "tests/scoring/run/test_lease.py",
    ),
    Mechanism(
        "damage is found by checksums",
        "scoring/run/predictions.py",
        "write_page_checksum=True",
        "write_page_checksum=False",
        "tests/scoring/run/test_verification.py",
    ),
    Mechanism(
        "ids are compared with the manifest",
        "scoring/run/shard_inspection.py",
        "            if not table[name].equals(expected.described[name]):",
        "            if False:",
        "tests/scoring/run/test_verification.py",
    ),
    Mechanism(
        "a driver that has lost its lease writes no record",
        "scoring/run/fence.py",
        "                self._fence.check()\n",
        "",
        "tests/scoring/run/test_fence.py",
    ),
    Mechanism(
        "a record is replaced only as it was left",
        "scoring/run/fence.py",
        "write_if(self._path, self._version, content)",
        "write_if(self._path, _present(self._path)[1], content)",
        "tests/scoring/run/test_fence.py",
    ),
    Mechanism(
        "workers publish under their driver's lease alone",
        "scoring/run/publishing.py",
        "            if fence:\n                fence.check()\n",
        "",
        "tests/scoring/run/test_publishing.py",
    ),
    Mechanism(
        "a driver stops when its workers find the lease lost",
        "jobs/score/shard_loop.py",
        "                self.lease.fence.check()  # its worker may have found out before our heart\n",
        "",
        "tests/jobs/score/test_shard_loop.py",
    ),
    Mechanism(
        "a driver stops when its heart finds the lease lost",
        "jobs/score/shard_loop.py",
        "            self.lease.check_heartbeat()\n",
        "",
        "tests/jobs/score/test_shard_loop.py",
    ),
    Mechanism(
        "a pid means a process of its own boot and namespace alone",
        "scoring/run/holder.py",
        "return is_here and not",
        "return not",
        "tests/scoring/run/test_lease.py",
    ),
    Mechanism(
        "a lease is taken over only as it was judged",
        "scoring/run/lease.py",
        "found is not None and found[0] == gone and",
        "found is not None and",
        "tests/scoring/run/test_lease.py",
    ),
    Mechanism(
        "a holder frozen in its heartbeat is not waited for without end",
        "scoring/run/lease.py",
        "        if other is not None and _read(path) == other:",
        "        if False:",
        "tests/scoring/run/test_lease.py",
    ),
    Mechanism(
        "what our killed writers left is taken up",
        "scoring/run/holding.py",
        'return {name for name in names if name.startswith("_") or not is_hidden(name)}',
        "return set(names)",
        "tests/scoring/run/test_folder.py",
    ),
    Mechanism(
        "another driver's shards are not removed",
        "scoring/storage/durable.py",
        "    _check.get()()\n    if isinstance(folder, Url):\n        folder.remove_below(_check.get())",
        "    if isinstance(folder, Url):\n        folder.remove_below(_check.get())",
        "tests/scoring/storage/test_durable.py",
    ),
    Mechanism(
        "a frozen fine-tune leaves another's model alone",
        "scoring/models/model_folder.py",
        "with storage_faults(self.heads), under_fence(fence):",
        "with storage_faults(self.heads):",
        "tests/scoring/models/test_model_folder.py",
    ),
    Mechanism(
        "a driver that was frozen before it begins removes nothing",
        "scoring/run/holding.py",
        "with storage_faults(folder.path), under_fence(fence):",
        "with storage_faults(folder.path):",
        "tests/scoring/run/test_folder.py",
    ),
    Mechanism(
        "an earlier run stays until the new one cannot be refused",
        "jobs/score/images_job.py",
        "        if not self._overwrites:\n            self._begin(begin)\n",
        "        self._begin(begin)\n",
        "tests/jobs/score/test_overwrite.py",
    ),
    Mechanism(
        "another driver's temporary files are left alone",
        "scoring/run/holding.py",
        "                lease.fence.check()\n                _remove_temporaries(folder, beside)\n",
        "                _remove_temporaries(folder, beside)\n",
        "tests/scoring/run/test_folder.py",
    ),
    Mechanism(
        "shards say whose they are where the record is damaged",
        "scoring/run/earlier.py",
        "    if found and all(",
        "    if False and all(",
        "tests/scoring/run/test_earlier.py",
    ),
    Mechanism(
        "a later copy of a shard leaves the first",
        "scoring/run/publishing.py",
        "            if _is_of_one_run(standing, content):",
        "            if False:",
        "tests/scoring/run/test_publishing.py",
    ),
    Mechanism(
        "who tries unread images again replaces the file that it has read, and no other",
        "scoring/run/publishing.py",
        "        if _digest(standing) != digest:",
        "        if False:",
        "tests/scoring/run/test_publishing.py",
    ),
    Mechanism(
        "a row that was read is never given for one that was not",
        "scoring/shards/retry.py",
        "np.logical_not(_may_pass(tried))",
        "np.ones(tried.num_rows, bool)",
        "tests/jobs/score/test_changed_inputs.py",
    ),
    Mechanism(
        "a place where no bucket answers is no fault of rows",
        "scoring/shards/model_turns.py",
        "        check_reach(rows)\n",
        "",
        "tests/scoring/shards/test_row_faults.py",
    ),
    Mechanism(
        "rows that were scored early are of the images that the manifest has",
        "scoring/shards/early_rows.py",
        "if not is_same or int(told[UNREAD_KEY]):",
        "if int(told[UNREAD_KEY]):",
        "tests/scoring/shards/test_early_rows.py",
    ),
    Mechanism(
        "a shard with an unread image is not taken from before the manifest",
        "scoring/shards/early_rows.py",
        "if not is_same or int(told[UNREAD_KEY]):",
        "if not is_same:",
        "tests/scoring/shards/test_early_rows.py",
    ),
    Mechanism(
        "nothing is scored early where an earlier run stands",
        "jobs/score/early_scoring.py",
        "if self._folder.manifest.is_file() or self._folder.shard_names():",
        "if False:",
        "tests/jobs/score/test_early_scoring.py",
    ),
    Mechanism(
        "a folder of all images that is gone is no fault of rows",
        "scoring/shards/scorer.py",
        "        self._check_place(rows)\n",
        "",
        "tests/scoring/shards/test_row_faults.py",
    ),
    Mechanism(
        "workers of another version do nothing",
        "scoring/process/same_version.py",
        "        if self.version != __version__:\n",
        "        if False:\n",
        "tests/jobs/test_same_version.py",
    ),
    Mechanism(
        "a folder that is gone is no fault of rows",
        "scoring/sources/folder_images.py",
        "                refuse_absent_folder(self._folder, error.__cause__)\n",
        "",
        "tests/scoring/shards/test_row_faults.py",
    ),
    Mechanism(
        "values are held against the digest of their file",
        "scoring/run/shard_inspection.py",
        "    if digest and expected.digest and digest != expected.digest:",
        "    if False:",
        "tests/scoring/run/test_reader.py",
    ),
    Mechanism(
        "a shard's columns are those of its run",
        "scoring/run/shard_inspection.py",
        "    return find_schema_problem(schema, expected.labels, expected.fingerprint.store_probabilities)",
        "    return None",
        "tests/scoring/run/test_reader.py",
    ),
    Mechanism(
        "other files among the shards are refused",
        "scoring/run/reader.py",
        "        self.foreign = sorted(found - names.keys())",
        "        self.foreign: list[str] = []",
        "tests/scoring/run/test_reader.py",
    ),
    Mechanism(
        "the record's labels are those of its fingerprint",
        "scoring/run/reader.py",
        "        if labels_digest(record.labels) != record.fingerprint.labels:",
        "        if False:",
        "tests/scoring/run/test_reader.py",
    ),
    Mechanism(
        "manifest and record are of one run",
        "scoring/run/reader.py",
        "        if found != (*said, record.num_images):",
        "        if False:",
        "tests/scoring/run/test_reader.py",
    ),
    Mechanism(
        "a shard that is no file is not opened",
        "scoring/run/shard_inspection.py",
        "    if local is not None and not local.is_file():",
        "    if False:",
        "tests/scoring/run/test_reader.py",
    ),
    Mechanism(
        "a summary is written only when all shards are sound",
        "jobs/score/ending.py",
        "record.with_summary(summary) if found.has_all_rows else record",
        "record.with_summary(summary)",
        "tests/jobs/score/test_completion.py",
    ),
    Mechanism(
        "reads and writes are tried again",
        "scoring/storage/retrying.py",
        "_ATTEMPTS = 6",
        "_ATTEMPTS = 1",
        "tests/scoring/storage/test_retrying.py",
    ),
    Mechanism(
        "SIGTERM stops cleanly",
        "jobs/console/commands.py",
        "            stop_signals.install()\n",
        "",
        f"{_CHAOS}the_driver_is_stopped[0]",
    ),
    Mechanism(
        "huge images are refused from their header",
        "scoring/pixels/decoding.py",
        "            _check_pixels(image)\n",
        "",
        "tests/scoring/pixels/test_decoding.py",
    ),
    Mechanism(
        "a lost shard is decoded in a process of its own",
        "cluster/worker.py",
        "self._work.again(task, refusals) if again else self._work(task, refusals)",
        "self._work(task, refusals)",
        f"{_CHAOS}a_picture_crashes_the_decoder[0]",
    ),
    Mechanism(
        "a shard whose actor died before it told of it is done",
        "jobs/score/shard_loop.py",
        "if failure.task not in found.done",
        "",
        f"{_CHAOS}actors_die_before_they_report[0]",
    ),
    Mechanism(
        "unsafe layers are refused",
        "scoring/networks/keras_files.py",
        "keras.saving.load_model(path, compile=False, safe_mode=True)",
        "keras.saving.load_model(path, compile=False, safe_mode=False)",
        "tests/scoring/models/test_model_request.py",
    ),
    Mechanism(
        "a local Ray listens on loopback alone",
        "cluster/private_ray.py",
        "_replaced(constants, switch, False)",
        "_replaced(constants, switch, True)",
        "tests/cluster/test_session.py",
    ),
    Mechanism(
        "a record is held against its checksum",
        "scoring/run/record.py",
        "        check_checksum(found)\n",
        "",
        "tests/scoring/run/test_record.py",
    ),
    Mechanism(
        "a training record is held against its checksum",
        "scoring/models/training_record.py",
        "        check_checksum(found)\n",
        "",
        "tests/scoring/models/test_training_record.py",
    ),
    Mechanism(
        "a folder's network is the one that was trained",
        "scoring/models/finetuned_network.py",
        "    if training.network not in (None, digest):",
        "    if False:",
        "tests/scoring/models/test_model_request.py",
    ),
    Mechanism(
        "what follows from a lost lease is told as that",
        "scoring/run/holding.py",
        "            lease.fence.check()  # files that another driver removed or replaced are not what is wrong\n",
        "",
        "tests/scoring/run/test_folder.py",
    ),
    Mechanism(
        "a clock that is set back leaves a job its seconds",
        "scoring/run/milestones.py",
        "return time.monotonic() - self._began",
        "return time.time() - self.command_at",
        "tests/scoring/run/test_milestones.py",
    ),
    Mechanism(
        "Ray puts no handler of SIGTERM before ours",
        "cluster/session.py",
        "        private_ray.own_signal_handlers(),\n",
        "",
        "tests/cluster/test_session.py",
    ),
    Mechanism(
        "a signal is heeded while Ray's compiled code starts",
        "cluster/own_ray.py",
        "        if is_ending() and (",
        "        if False and (",
        "tests/jobs/score/test_stopping.py",
    ),
    Mechanism(
        "a Ray of our own is killed when a signal ends the command",
        "cluster/own_processes.py",
        "        _send(pid, signal.SIGKILL)\n",
        "        pass\n",
        "tests/cluster/test_own_processes.py",
    ),
    Mechanism(
        "a worker that was just being started is killed with its server",
        "cluster/own_processes.py",
        "        if have_stopped and not new:\n",
        "        if frozen:\n",
        "tests/cluster/test_own_processes.py",
    ),
    Mechanism(
        "a signal in the middle of Ray's own end leaves none of its processes",
        "cluster/own_ray.py",
        "                kill_own_ray()\n                raise\n",
        "                raise\n",
        "tests/cluster/test_session.py::test_a_signal_in_the_middle_of_rays_own_end_kills_what_is_left",
    ),
    Mechanism(
        "signals end a command while Python imports",
        "jobs/entry.py",
        "            signal.signal(number, _exit)\n",
        "",
        "tests/jobs/score/test_stopping.py",
    ),
    Mechanism(
        "a local Ray leaves no token in the user's home",
        "cluster/private_ray.py",
        "            stack.enter_context(variable(_TOKEN_VARIABLE, secrets.token_hex(32)))\n",
        "            pass\n",
        "tests/cluster/test_session.py::test_a_local_ray_leaves_no_token_behind_and_minds_none_of_before",
    ),
    Mechanism(
        "the token of a local Ray that has ended is forgotten",
        "cluster/own_ray.py",
        "                private_ray.read_settings()  # its token is of no use any more\n",
        "                pass\n",
        "tests/cluster/test_session.py::test_a_local_ray_leaves_no_token_behind_and_minds_none_of_before",
    ),
    Mechanism(
        "an answer of a decode process that nobody took is not taken for the next",
        "scoring/shards/decode_process.py",
        "        except BaseException:  # its answer may still come, and would be taken for that to the next order\n"
        "            self.end()\n",
        "        except BaseException:\n",
        "tests/scoring/shards/test_decode_process.py",
    ),
    Mechanism(
        "what a decode process had when it died is decoded again",
        "scoring/shards/decode_process.py",
        "            return self._each_by_itself(rows, images)\n",
        "            return DecodedPart(('it crashes the decoder',) * len(images), 0, 0)\n",
        "tests/scoring/shards/test_decode_process.py",
    ),
    Mechanism(
        "a batch's memory is used again only after its outputs were fetched",
        "scoring/shards/model_turns.py",
        "                begun.append((batch, pending))\n",
        "                begun.append((batch, pending))\n                batches.give_back(batch)\n",
        "tests/scoring/shards/test_model_turns.py",
    ),
    Mechanism(
        "padding is black where an earlier batch was longer",
        "scoring/shards/decode_ahead.py",
        "        pixels[num_images : self._num_used[slot]] = 0\n",
        "",
        "tests/scoring/shards/test_decode_ahead.py",
    ),
    Mechanism(
        "a network that OpenVINO computes otherwise than Keras is refused",
        "scoring/networks/checked_conversions.py",
        "            check_conversion(engine, from_uint8, score, convert_again)\n",
        "",
        "tests/scoring/networks/test_openvino_engine.py",
    ),
    Mechanism(
        "a converted network that was damaged on the disk is converted again",
        "scoring/networks/conversions.py",
        "        return (folder / _CHECKSUMS).read_bytes() == _checksums(folder).encode()\n",
        "        return bool((folder / _CHECKSUMS).read_bytes())\n",
        "tests/scoring/networks/test_conversions.py",
    ),
    Mechanism(
        "a model's report tells of its own validation photos",
        "scoring/report/model_report.py",
        "    check_validation(folder, training)\n",
        "",
        "tests/scoring/report/test_page.py",
    ),
    Mechanism(
        "a session that never began shuts nothing down",
        "cluster/own_ray.py",
        "        elif self.connecting.has_begun():\n",
        "        else:\n",
        "tests/cluster/test_session.py",
    ),
    Mechanism(
        "a zip that was replaced before a worker opens it is noticed",
        "scoring/sources/zip_directory.py",
        "            if stamp not in (None, _stamp(info)):\n",
        "            if False:\n",
        "tests/scoring/sources/test_zip_images.py",
    ),
    Mechanism(
        "a table that is written anew while it is listed is refused",
        "scoring/sources/table_parts.py",
        "    if stamp_at(part) != before:\n",
        "    if False:\n",
        "tests/scoring/sources/test_table_parts.py",
    ),
    Mechanism(
        "an open object is read in ranges of one version",
        "scoring/storage/urls.py",
        "self.read_range(start, length, seen))",
        "self.read_range(start, length, None))",
        "tests/scoring/storage/test_locations.py",
    ),
    Mechanism(
        "who has lost a lease removes no file",
        "scoring/storage/durable.py",
        "    _check.get()()\n    path.unlink(",
        "    path.unlink(",
        "tests/scoring/storage/test_durable.py",
    ),
    Mechanism(
        "a pipe in the place of a training record is not waited for",
        "scoring/models/training_record.py",
        "        refuse_special(folder.training)\n",
        "",
        "tests/scoring/models/test_training_record.py",
    ),
]


def fails_without(mechanism: Mechanism, copy: Path, limit_s: float) -> bool:
    """Take one mechanism out of a copy of the tree, run its test, and put it back."""
    path = copy / mechanism.file
    whole = path.read_text()
    assert whole.count(mechanism.line) == 1, f"{mechanism.file} has changed: {mechanism.line!r}"
    path.write_text(whole.replace(mechanism.line, mechanism.instead))
    try:
        # Without it, the test may hang: that is a failure too.
        return run_test(mechanism.test, copy, limit_s) in (1, None)
    finally:
        path.write_text(whole)


def judge(mechanism: Mechanism, copy: Path) -> str:
    """Whether a mechanism's test passes with it in place, just before, and fails without it."""
    started = time.monotonic()
    if run_test(mechanism.test, copy, _LIMIT_S) != 0:
        return "FAILS ANYWAY"
    limit_s = max(_LEAST_LIMIT_S, 5 * (time.monotonic() - started))
    return _SHOWN if fails_without(mechanism, copy, limit_s) else "PASSES WITHOUT"


def run_test(test: str, copy: Path, limit_s: float) -> int | None:
    """The exit code of one test in a copy of the tree; None if it hangs."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", "-m", "", test]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    try:
        return subprocess.run(command, cwd=copy, capture_output=True, env=environment, timeout=limit_s).returncode
    except subprocess.TimeoutExpired:
        return None


def main() -> None:
    """Take out all of them, or those whose names hold one of the arguments, one after the other."""
    words, kept = sys.argv[1:], []
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "shardscore"
        subprocess.run(["git", "clone", "-q", _ROOT, copy], check=True)
        for mechanism in MECHANISMS:
            if words and not any(word in mechanism.name for word in words):
                continue
            said = judge(mechanism, copy)
            print(f"{said}: {mechanism.name}  ({mechanism.test})", flush=True)
            kept += [] if said == _SHOWN else [mechanism.name]
    sys.exit(1 if kept else 0)


if __name__ == "__main__":
    main()
