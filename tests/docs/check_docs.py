#!/usr/bin/env python3
"""Holds the documentation to its word. Run from the repository's root.

    check_docs.py paths          every link and every path in `backticks` exists
    check_docs.py excerpts       each ```cpp block in docs/tutorial stands in one of its programs, line for line; so do the ```c and
                                 ```cmake blocks of docs/guide, in docs/guide/embed
    check_docs.py environment    docs/reference/environment.md is what options.def says (--write: make it so)
    check_docs.py commands PAGE --bin DIR --work DIR
                                 each ```sh run block runs without an error; build/bin/ stands for --bin, OUT/ for --work
"""
import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path.cwd()
ENVIRONMENT = ROOT / "docs/reference/environment.md"
# Paths that exist only after something ran, or on another machine.
MADE = ("build/", "build-", "~", "/", "OUT/", "../", "dist/")


def pages():
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def fences(text, info):
    return re.findall(r"^```" + re.escape(info) + r"\n(.*?)^```", text, re.M | re.S)


def looks_like_path(word):
    if not re.fullmatch(r"[A-Za-z0-9_.~][A-Za-z0-9_./-]*", word) or word.startswith(MADE):
        return False
    top = word.split("/")[0]
    return "/" in word and (ROOT / top).is_dir()


def check_paths():
    for page in pages():
        text = page.read_text()
        prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose):
            if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists():
                yield f"{page.relative_to(ROOT)}: the link to {target} leads nowhere"
        for word in re.findall(r"`([^`\n]+)`", prose):
            for token in word.split():
                if looks_like_path(token) and not (ROOT / token).exists():
                    yield f"{page.relative_to(ROOT)}: `{token}` does not exist"


def squeeze(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def check_excerpts():
    for folder, info, pattern in (("tutorial", "cpp", "*.cpp"), ("guide", "c", "embed/*.c"), ("guide", "cmake", "embed/CMakeLists.txt")):
        programs = [squeeze(program.read_text()) for program in (ROOT / "docs" / folder).glob(pattern)]
        for page in (ROOT / "docs" / folder).glob("*.md"):
            for block in fences(page.read_text(), info):
                lines = squeeze(block)
                if not any(program[i : i + len(lines)] == lines for program in programs for i in range(len(program))):
                    yield f"{page.relative_to(ROOT)}: no program holds the lines from '{lines[0]}' to '{lines[-1]}'"


def environment_table():
    text = (ROOT / "include/bsgen/options.def").read_text()
    rows = re.findall(r'^BSGEN_VARIABLE\((\w+),\s*"(.*?)",\s*"(.*?)",\s*"(.*?)"\)$', text, re.M)
    out = ["# Environment variables", "",
           "Made from `include/bsgen/options.def` by `python3 tests/docs/check_docs.py environment --write`.", "",
           "| variable | values | default | what it does |", "|---|---|---|---|"]
    for name, default, values, what in rows:
        escaped = values.replace("|", "\\|")
        out.append(f"| `{name}` | `{escaped}` | {f'`{default}`' if default else ''} | {what} |")
    return "\n".join(out) + "\n\nAn unknown `BSGEN_` variable or value is an error that lists the valid ones.\n"


def check_environment(write):
    if write:
        ENVIRONMENT.write_text(environment_table())
    elif not ENVIRONMENT.exists() or ENVIRONMENT.read_text() != environment_table():
        yield "docs/reference/environment.md is not what options.def says; python3 tests/docs/check_docs.py environment --write"


def check_commands(page, bin_dir, work):
    work.mkdir(parents=True, exist_ok=True)
    for block in fences((ROOT / page).read_text(), "sh run"):
        script = re.sub(r"\bbuild/bin/", f"{bin_dir}/", block)
        script = re.sub(r"\bOUT/", f"{work}/", script)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        if done.returncode:
            yield f"{page}: exit status {done.returncode} from\n{script}\n{done.stdout[-4000:]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=["paths", "excerpts", "environment", "commands"])
    parser.add_argument("page", nargs="?")
    parser.add_argument("--bin", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    checks = {"paths": check_paths, "excerpts": check_excerpts,
              "environment": lambda: check_environment(options.write),
              "commands": lambda: check_commands(options.page, options.bin, options.work)}
    problems = list(checks[options.check]())
    print("\n".join(problems))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
