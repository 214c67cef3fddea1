"""What reading uploads costs, and what hostile ones do: ``python -m benchmarks.reading``.

Three tables. Speed: valid files through the decoding process that waits for them, and through a
new one, beside the same decoder in this process. Bombs: time and highest memory of the process
that refuses each. Damage: valid files damaged at random, thousands of them, read in one process
under the memory limit. Seconds are wall time; on a busy machine look at the CPU time beside them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import Counter
from statistics import median

from brainseg.data import isolation, readers
from tests.hostile import corpus, measured

MOST_MB, MOST_SECONDS = 1000, 5
DAMAGE = """
import resource, sys, time
from benchmarks.reading import damage
from brainseg.data import isolation
resource.setrlimit(resource.RLIMIT_AS, (isolation.MEMORY_BYTES,) * 2)
damage(int(sys.argv[1]), int(sys.argv[2]))
print(f"highest memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
"""


def speed() -> None:
    print(f"{'valid file':16} {'waiting':>9} {'new':>9} {'in this process':>16}  (median of 5)")
    for name, data in corpus.valid().items():
        waiting = median(measured.cost([(name, data)]).seconds for _ in range(5))
        isolation.close()
        new = median(_seconds(name, data) for _ in range(5))
        print(f"{name:16} {waiting:7.2f} s {new:7.2f} s {_here(name, data) * 1000:13.1f} ms")


def _seconds(name: str, data: bytes) -> float:
    from brainseg.data import decoding

    begun = time.perf_counter()
    decoding.read_limited([(name, data)])
    return time.perf_counter() - begun


def _here(name: str, data: bytes) -> float:
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        readers.read(data, name)
        times.append(time.perf_counter() - begun)
    return median(times)


def bombs() -> None:
    print(f"{'bomb':34} {'file':>9} {'outcome':8} {'wall':>7} {'CPU':>7} {'peak':>8}")
    for kind, make in corpus.bombs():
        case = make()
        found = measured.cost(case.files)
        size = sum(len(data) for _, data in case.files) / 1000
        late = "" if found.cpu_seconds < MOST_SECONDS and found.peak_mb < MOST_MB else "  TOO MUCH"
        print(
            f"{kind:34} {size:6.0f} kB {found.outcome:8} {found.seconds:5.2f} s "
            f"{found.cpu_seconds:5.2f} s {found.peak_mb:5.0f} MB{late}"
        )


def classes() -> None:
    """The small cases, each in a process of its own: the dearest of every class."""
    worst: dict[str, list[measured.Cost]] = {}
    for case in corpus.cases():
        found = worst.setdefault(case.kind, [])
        if len(found) < 6:
            found.append(measured.cost(case.files))
    print(f"{'class (up to 6 files each)':34} {'wall':>7} {'CPU':>7} {'peak':>8}  outcomes")
    for kind, costs in worst.items():
        outcomes = ", ".join(f"{n} {name}" for name, n in Counter(c.outcome for c in costs).items())
        print(
            f"{kind:34} {max(c.seconds for c in costs):5.2f} s "
            f"{max(c.cpu_seconds for c in costs):5.2f} s "
            f"{max(c.peak_mb for c in costs):5.0f} MB  {outcomes}"
        )


def damage(count: int, seed: int) -> None:
    """Read damaged files in this process and print how that went."""
    outcomes: Counter[str] = Counter()
    dearest = 0.0
    for case in corpus.mutations(count, seed):
        begun = time.process_time()
        try:
            readers.read_series(case.files)
            outcomes["read"] += 1
        except readers.ScanError:
            outcomes["refused"] += 1
        except BaseException as error:
            outcomes[f"UNTYPED {type(error).__name__}"] += 1
        dearest = max(dearest, time.process_time() - begun)
    print(f"{count} damaged files: {dict(outcomes)}; dearest {dearest:.2f} s of CPU", end="; ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["speed", "bombs", "classes", "damage"])
    parser.add_argument("--count", type=int, default=4000, help="damaged files")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    for part in chosen.parts:
        if part == "damage":  # in a process of its own: a crash would be seen in its exit status
            command = [sys.executable, "-W", "ignore", "-c", DAMAGE, str(chosen.count)]
            done = subprocess.run([*command, str(chosen.seed)], check=False)
            print(f"exit status {done.returncode}")
        else:
            {"speed": speed, "bombs": bombs, "classes": classes}[part]()
        print()


if __name__ == "__main__":
    main()
