"""Does the library itself, not only its kernels, run on AArch64? A smoke test under QEMU, from a machine of any kind.

Debian's python3 for arm64 is downloaded with a private configuration of apt and unpacked into a folder, wheels of NumPy,
SciPy, Numba and llvmlite beside it; nothing is installed. Then `qemu-aarch64` runs a few functions, and their results are
compared with this machine's::

    python benchmarks/arm_python.py --folder arm_sysroot

Needs apt, dpkg, pip and qemu-aarch64; about 400 MB and some minutes, since Numba compiles under emulation.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

PACKAGES = (
    "python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libffi8 "
    "libssl3 libbz2-1.0 liblzma5 libuuid1 libcrypt1 libgomp1"
)
WHEELS = ("numpy", "scipy", "numba", "llvmlite")
PURE = ("lazy-loader", "packaging")
PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_27_aarch64", "manylinux_2_28_aarch64")
ROOT = Path(__file__).resolve().parent.parent
SMOKE = """
import json, platform, sys, time
start = time.perf_counter()
steps, results = {}, {}
def step(name, work):
    before = time.perf_counter()
    value = work()
    steps[name] = round(time.perf_counter() - before, 2)
    if value is not None:
        results[name] = [float(value.min()), float(value.max()), float(value.mean()), float(value.std())]
    print(name, steps[name], file=sys.stderr, flush=True)
step("import numpy", lambda: exec("import numpy", globals()))
step("import numba", lambda: exec("import numba", globals()))
step("import classmat", lambda: exec("import classmat as cm", globals()))
import numpy as np
rng = np.random.default_rng(0)
image, plane = rng.random((40, 50, 3)).astype(np.float32), rng.random((40, 50)).astype(np.float32)
step("box_filter", lambda: cm.box_filter(plane, 4))
step("resize", lambda: cm.resize(image, 60, 31))
step("composite", lambda: cm.composite(image, plane, image[::-1]))
if "--more" in sys.argv:
    step("guided_filter", lambda: cm.guided_filter(plane, plane, 4, 1e-3))
print(json.dumps({"machine": platform.machine(), "python": platform.python_version(), "seconds": steps,
                  "results": results}))
"""


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        sys.exit(f"{command[0]} failed: {done.stderr.strip()[-400:]}")
    return done.stdout


def fetch_python(folder, sysroot):
    """Unpack Debian's Python for arm64."""
    apt = folder / "apt"
    for name in ("lists/partial", "cache/archives/partial", "etc/preferences.d", "etc/apt.conf.d"):
        (apt / name).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    own = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "Dir::State": str(apt),
        "Dir::State::lists": str(apt / "lists"),
        "Dir::State::status": str(apt / "status"),
        "Dir::Cache": str(apt / "cache"),
        "APT::Sandbox::User": "root",
    }
    options = [word for key, value in own.items() for word in ("-o", f"{key}={value}")]
    run(["apt-get", *options, "update"])
    debs = folder / "debs"
    debs.mkdir(exist_ok=True)
    run(["apt-get", *options, "download", *PACKAGES.split()], cwd=debs)
    for deb in sorted(debs.glob("*.deb")):
        run(["dpkg", "-x", str(deb), str(sysroot)])


def fetch_wheels(folder, site):
    """Unpack wheels for AArch64."""
    wheels = folder / "wheels"
    import numba, numpy, scipy, llvmlite  # noqa: E401, I001

    versions = {"numpy": numpy, "scipy": scipy, "numba": numba, "llvmlite": llvmlite}
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "-d",
        str(wheels),
    ]
    native = [word for name in PLATFORMS for word in ("--platform", name)]
    run([*command, *native, "--python-version", "3.11", *(f"{n}=={versions[n].__version__}" for n in WHEELS)])
    run([*command, *PURE])
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("arm_sysroot"), help="where all is unpacked")
    parser.add_argument(
        "--more", action="store_true", help="also the guided filter, which takes minutes to compile"
    )
    options = parser.parse_args()
    for tool in ("qemu-aarch64", "apt-get", "dpkg"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed (Debian: apt-get install qemu-user).")
    folder = options.folder.resolve()
    sysroot, site = folder / "sysroot", folder / "site"
    if not site.exists():
        folder.mkdir(parents=True, exist_ok=True)
        fetch_python(folder, sysroot)
        fetch_wheels(folder, site)
    more = ["--more"] if options.more else []
    environment = {"PYTHONPATH": f"{ROOT}:{site}", "PYTHONHOME": str(sysroot / "usr"), "NUMBA_NUM_THREADS": "1",
                   "NUMBA_CACHE_DIR": str(folder / "cache"), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1",
                   "QEMU_LD_PREFIX": str(sysroot), "HOME": str(folder)}  # fmt: skip
    python = sysroot / "usr" / "bin" / "python3.11"
    before = time.perf_counter()
    done = subprocess.run(
        ["qemu-aarch64", "-L", str(sysroot), str(python), "-c", SMOKE, *more], env=environment, stdout=subprocess.PIPE,
        text=True, check=True,
    )  # fmt: skip
    there = json.loads(done.stdout)
    here = json.loads(run([sys.executable, "-c", SMOKE, *more], env=os.environ | {"PYTHONPATH": str(ROOT)}))
    print(f"Python {there['python']} on {there['machine']}, emulated on {platform.machine()}")
    print(f"{'step':<18}{'seconds emulated':>18}{'seconds here':>14}{'difference':>12}")
    for name, seconds in there["seconds"].items():
        pairs = zip(there["results"].get(name, []), here["results"].get(name, []), strict=True)
        difference = max((abs(a - b) / max(abs(b), 1e-9) for a, b in pairs), default=None)
        told = "" if difference is None else f"{difference:.1e}"
        print(f"{name:<18}{seconds:>18.1f}{here['seconds'][name]:>14.2f}{told:>12}")
    print(f"all together {time.perf_counter() - before:.0f} s")


if __name__ == "__main__":
    main()
