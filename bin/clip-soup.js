#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";

// Said before modules load, since the heap for short-lived objects never shrinks again. Each piece of an HTTP body has 64 kB
// beside the heap, which are given back only when the heap is cleaned; a heap that stays small is cleaned more often: `avg`
// of two models on the Hub peaks at 118–134 MB on Node 20.19 instead of 150–168, and at 148–153 MB on Node 24.21 instead of
// 154–168. Of local files, `verify --soup-of` of 4.8 GB peaks at 118 MB instead of 144.
const isRemote = process.argv[2] === "publish" || process.argv.some((argument) => argument.startsWith("hf:"));
setFlagsFromString(isRemote ? "--optimize-for-size" : "--semi-space-growth-factor=1");
const { main } = await import("../dist/cli/main.js");

await main(process.argv.slice(2));
