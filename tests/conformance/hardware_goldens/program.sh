#!/usr/bin/env bash
# program.sh GOLDGEN DEVICE ARGUMENT...: records DEVICE, compares the files with the simulated device, then spoils one.
set -euo pipefail
goldgen=$1 device=$2
shift 2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$goldgen" record --device "$device" "$@" "$folder/goldens.bin"
"$goldgen" compare "$folder"/goldens*.bin | tee "$folder/said"
if grep -q 'not compared' "$folder/said"; then exit 1; fi
"$goldgen" show "$folder/goldens.bin" >"$folder/shown"
head -n 1 "$folder/shown" | grep '^simulated\|^fake'
printf 'spoilt' | dd of="$folder/goldens.bin" bs=1 seek=100 conv=notrunc status=none
if "$goldgen" compare "$folder/goldens.bin" 2>"$folder/said"; then echo "a spoilt file passed"; exit 1; fi
grep 'goldens: .*goldens.bin: is damaged' "$folder/said"
