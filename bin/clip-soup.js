#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

// What streams from the Hub leaves garbage beside the heap: V8 has to keep the heap small from the start, so before modules
// load, and src/hub/collect.ts has to be able to collect. docs/hub.md has the figures. Of local files it is enough that the
// heap for short-lived objects does not grow: `verify --soup-of` of 4.8 GB peaks at 118 MB instead of 144.
const args = process.argv.slice(2);
if (args[0] === "publish" || args.some((argument) => /^(--[^=]+=)?hf:/.test(argument))) {
	setFlagsFromString("--optimize-for-size");
	setFlagsFromString("--expose-gc");
	globalThis.gc = runInNewContext("gc");
} else setFlagsFromString("--semi-space-growth-factor=1");
const { main } = await import("../dist/cli/main.js");

await main(args);
