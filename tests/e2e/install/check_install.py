"""An installed bsgen is found and used from outside: CMake's find_package with the guide's project, pkg-config with a C compiler.

    check_install.py BUILD PROJECT WORK --cmake CMAKE --generator G --cc CC --cxx CXX [--flags FLAGS]
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys

parser = argparse.ArgumentParser()
parser.add_argument("build", type=pathlib.Path)
parser.add_argument("project", type=pathlib.Path)
parser.add_argument("work", type=pathlib.Path)
parser.add_argument("--cmake", required=True)
parser.add_argument("--generator", required=True)
parser.add_argument("--cc", required=True)
parser.add_argument("--cxx", required=True)
parser.add_argument("--flags", default="")
options = parser.parse_args()


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode:
        sys.exit(f"exit status {done.returncode} from {' '.join(map(str, command))}\n{done.stdout[-6000:]}")
    return done.stdout


shutil.rmtree(options.work, ignore_errors=True)
first, prefix = options.work / "first", options.work / "moved"
run(options.cmake, "--install", options.build, "--prefix", first)
first.rename(prefix)  # nothing in an installed tree may name the place it was made for
shutil.copytree(options.project, options.work / "project")

environment = {**os.environ, "BSGEN_CACHE_DIR": str(options.work / "cache"), "BSGEN_DEVICE": "sim"}
build = options.work / "build"
run(options.cmake, "-G", options.generator, "-S", options.work / "project", "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}",
    f"-DCMAKE_C_COMPILER={options.cc}", f"-DCMAKE_CXX_COMPILER={options.cxx}", f"-DCMAKE_C_FLAGS={options.flags}",
    f"-DCMAKE_CXX_FLAGS={options.flags}")
run(options.cmake, "--build", build)

library = next(prefix.glob("lib*/**/libbsgen.so")).parent
assert (library / "libbsgen.so.0").is_symlink() and not (library / "libbsgen.so.0.1.0").is_symlink()
variables = {**environment, "PKG_CONFIG_PATH": str(library / "pkgconfig")}
flags = run("pkg-config", "--cflags", "--libs", "bsgen", env=variables).split() if shutil.which("pkg-config") else [
    f"-I{prefix}/include", f"-L{library}", "-lbsgen"]
run(options.cc, *options.flags.split(), options.project / "in_c.c", *flags, f"-Wl,-rpath,{library}", "-o", build / "by_pkg_config")

for program in ("in_c", "in_cpp", "by_pkg_config"):
    done = subprocess.run([build / program], capture_output=True, text=True, env=environment)
    if done.returncode and "libnvrtc" in done.stderr:
        print("SKIPPED: NVRTC not found; everything was built")
        sys.exit(0)
    if done.returncode:
        sys.exit(f"{program}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    print(f"{program}: {done.stdout.strip()}")
run(prefix / "bin" / "bsgen", "--version")

# A program that wants another release is refused.
project = options.work / "project/CMakeLists.txt"
project.write_text(project.read_text().replace("bsgen 0.1", "bsgen 0.2"))
refused = subprocess.run([options.cmake, build], capture_output=True, text=True)
if refused.returncode == 0 or "version: 0.1.0" not in refused.stderr:
    sys.exit(f"version 0.2 was asked for and found\n{refused.stdout}{refused.stderr}")
