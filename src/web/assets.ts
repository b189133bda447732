import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Hono } from "hono";

const TYPES = { css: "text/css; charset=utf-8", js: "text/javascript; charset=utf-8" } as const;

const own = (name: string): string => fileURLToPath(new URL(`assets/${name}`, import.meta.url));

const FILES = {
  "pico.css": { path: fileURLToPath(import.meta.resolve("@picocss/pico/css/pico.min.css")), type: TYPES.css },
  "style.css": { path: own("style.css"), type: TYPES.css },
  "live.js": { path: own("live.js"), type: TYPES.js },
};

/** NB: the address has the content's digest in it, so browsers may keep the file for good, and see a new one at once. */
const assets = Object.entries(FILES).map(([name, { path, type }]) => {
  const body = readFileSync(path);
  const digest = createHash("sha256").update(body).digest("hex").slice(0, 12);
  return { name, url: `/assets/${digest}/${name}`, body, type };
});

export const assetUrl = (name: keyof typeof FILES): string =>
  assets.find((asset) => asset.name === name)?.url ?? "";

/** Style sheets and the one script: served by us, to anybody. */
export function assetRoutes(): Hono {
  const routes = new Hono();
  for (const { url, body, type } of assets) {
    routes.get(url, (c) =>
      c.body(body, 200, { "content-type": type, "cache-control": "public, max-age=31536000, immutable" }),
    );
  }
  return routes;
}
