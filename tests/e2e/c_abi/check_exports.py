"""libbsgen.so exports what include/bsgen/c/bsgen.h declares, versioned, and nothing else; it needs no library of NVIDIA's."""
import re
import subprocess
import sys

library, header = sys.argv[1:]


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


declared = set(re.findall(r"BSGEN_API[^;(]*?\b(bsgen_\w+)\(", open(header).read()))
exported = {}
for line in run("nm", "-D", "--defined-only", "--with-symbol-versions", library).splitlines():
    name = line.split()[-1]
    if " A " not in line:  # the version nodes themselves
        exported[name.split("@")[0]] = name.partition("@@")[2]
dynamic = run("readelf", "-d", library)
needed = re.findall(r"NEEDED.*\[(.*)\]", dynamic)
soname = re.findall(r"SONAME.*\[(.*)\]", dynamic)

wrong = []
if len(declared) < 30:
    wrong.append(f"only {len(declared)} functions were found in {header}")
if missing := declared - exported.keys():
    wrong.append(f"declared and not exported: {sorted(missing)}")
if extra := exported.keys() - declared:
    wrong.append(f"exported and not declared: {sorted(extra)}")
if unversioned := [name for name, version in exported.items() if not re.fullmatch(r"BSGEN_\d+\.\d+", version)]:
    wrong.append(f"without a version: {sorted(unversioned)}")
if soname != ["libbsgen.so.0"]:
    wrong.append(f"soname is {soname}")
if nvidia := [name for name in needed if re.search("cuda|nvrtc|nvJitLink", name)]:
    wrong.append(f"needs {nvidia}")
print("\n".join(wrong) or f"{len(exported)} functions, {', '.join(needed)}")
sys.exit(bool(wrong))
