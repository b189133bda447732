import { Hono } from "hono";
import { expect, test } from "vitest";
import { startWebListener } from "../../src/web/listener.ts";

const saying = (text: string) => new Hono().get("/", (c) => c.text(text)) as never;

test("a listener answers by other routes when it is told to, without being closed", async () => {
  const web = await startWebListener({ listen: { host: "127.0.0.1", port: 0 }, routes: saying("first") });
  const ask = async () => (await fetch(web.url)).text();
  const before = await ask();

  web.serve(saying("second"));

  expect([before, await ask()]).toEqual(["first", "second"]);
  await web.close();
  await web.close();
  await expect(ask()).rejects.toThrow();
});
