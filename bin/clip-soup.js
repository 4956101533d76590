#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";

// The heap for short-lived objects does not grow: `verify --soup-of` of 4.8 GB peaks at 118 MB instead of 144.
setFlagsFromString("--semi-space-growth-factor=1");
const { main } = await import("../dist/cli/main.js");

await main(process.argv.slice(2));
