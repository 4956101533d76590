import { createRequire } from "node:module";

const manifest: { readonly version: string } = createRequire(import.meta.url)("#package.json");

/** Version of clip-soup, from its package.json. */
export const VERSION: string = manifest.version;
