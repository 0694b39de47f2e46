#!/bin/sh
# Builds precinct_rego.wasm and writes recipe.json. Only whoever changes the engine needs this, and Rust.
set -eu
cd "$(dirname "$0")"

target=wasm32-wasip1
cargo_home=${CARGO_HOME:-$HOME/.cargo}
# The names of the builder's folders must not end up in panic texts: they would make the artefact differ from machine to machine.
remap="--remap-path-prefix=$(pwd)=precinct_rego"
for sources in "$cargo_home"/registry/src/*; do
  remap="$remap --remap-path-prefix=$sources=crates"
done
# 256 MiB: an evaluation that wants more traps, and the gateway counts it as a fault.
# __wasm_call_ctors exported: else every call would run constructors and destructors again.
RUSTFLAGS="-C link-arg=--max-memory=268435456 -C link-arg=--export=__wasm_call_ctors --remap-path-prefix=$(rustc --print sysroot)=rust $remap" \
  cargo build --release --locked --target "$target"
cp "${CARGO_TARGET_DIR:-target}/$target/release/precinct_rego.wasm" precinct_rego.wasm
node check.mjs --write "$(rustc --version)" "$target"
