# What the README names. Each target does its own set-up; a second run is quick and harmless.
.DEFAULT_GOAL := help
.PHONY: help up down demo test sdk soak fuzz conformance clients bench bench-check bench-peers clean node

help:
	@echo 'make up      set up what is missing, start the gateway and a demo MCP server, play two calls'
	@echo 'make demo    play the allowed and the denied call again'
	@echo 'make down    stop both'
	@echo 'make test    lint, types, unit, integration, native, the SDKs, the walk'
	@echo 'make sdk     the Python, Go and TypeScript SDKs alone: the behaviour table and their own suites'
	@echo 'make soak    the slow suites in full: kill -9, floods, reloads under load, native twins (long: reloads alone take ten minutes)'
	@echo 'make conformance  the official MCP suite against a fixture, direct and through the gateway: what is lost (some minutes)'
	@echo 'make clients real MCP clients and servers through the gateway: who did what (installs them outside this folder first)'
	@echo 'make fuzz    a million fuzzed requests against a running gateway (tens of minutes; prints its seed)'
	@echo 'make bench   how fast it is, beside nginx'
	@echo 'make bench-check  whether a ratio fell below bench/baseline.json'
	@echo 'make bench-peers  the same beside other MCP gateways: installs them outside this folder first (Go, cargo, npm, Python)'
	@echo 'make clean   remove what was built; the audit log and keys stay'

node:
	@command -v node >/dev/null 2>&1 || { echo 'Node is missing: install Node 20, 22 or 24 (https://nodejs.org).' >&2; exit 1; }

up: node
	@node scripts/up.mjs

down: node
	@node scripts/down.mjs

demo: node
	@node scripts/demo.mjs

test: node
	@node scripts/test.mjs

sdk: node
	@node scripts/sdk.mjs

soak: node
	@node scripts/setup.mjs && node test/soak/all.mjs

conformance: node
	@node scripts/setup.mjs && node test/conformance/run.mjs

clients: node
	@node scripts/setup.mjs && node test/clients/table/run.mjs

fuzz: node
	@node scripts/setup.mjs && node test/soak/fuzz.mjs --requests 1000000

bench: node
	@node scripts/setup.mjs && node bench/run.mjs

bench-check: node
	@node scripts/setup.mjs && node bench/check/run.mjs

bench-peers: node
	@node scripts/setup.mjs && node bench/peers/install.mjs && node bench/peers/run.mjs

clean: node
	@node scripts/clean.mjs
