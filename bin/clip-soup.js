#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";

// Each piece of an HTTP body has 64 kB beside the heap, which are given back only when the heap is cleaned. A heap that
// stays small is cleaned more often: `avg` of two models on the Hub peaks at 118–134 MB on Node 20.19 instead of 150–168,
// and at 148–153 MB on Node 24.21 instead of 154–168. It has to be said before the heap grows, so before modules load.
if (process.argv.some((argument) => argument.startsWith("hf:"))) setFlagsFromString("--optimize-for-size");
const { main } = await import("../dist/cli/main.js");

await main(process.argv.slice(2));
