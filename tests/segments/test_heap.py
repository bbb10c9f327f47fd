"""What films leave behind is given back, measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edge.errors import SourceError
from edge.segments import analyse as analysing
from edge.segments.malloc_trim import give_back

_PROCESS = """
import threading
from edge.segments.malloc_trim import give_back

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

kept = []
def work():  # as a film's threads do: many blocks, of which one at the end outlives them
    blocks = [bytearray(b"x" * 60_000) for _ in range(1000)]
    kept.append(bytearray(b"x" * 60_000))

empty_mb = resident_mb()
thread = threading.Thread(target=work)
thread.start()
thread.join()
full_mb = resident_mb()
give_back()
print(full_mb - empty_mb, resident_mb() - empty_mb)
"""


@pytest.mark.process
def test_freed_memory_goes_back_to_the_system() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROCESS], check=True, capture_output=True, text=True
    )
    held_mb, left_mb = map(float, done.stdout.split())
    assert held_mb > 40, "else this shows nothing"
    assert left_mb < 10


def test_each_film_is_followed_by_it(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[int] = []
    monkeypatch.setattr(analysing, "give_back", lambda: called.append(1))
    film = tmp_path / "film.mkv"
    film.write_text("no film\n" * 40)
    with pytest.raises(SourceError):
        analysing.analyse(film, None)  # type: ignore[arg-type]
    assert called == [1]


def test_a_c_library_without_the_call_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.segments.malloc_trim._trim", lambda: None)
    give_back()
