import { type Context, Hono } from "hono";
import { type Controls, controls } from "./controls.ts";
import { onlyThisMachine } from "./node.ts";
import { snapshot } from "./snapshot.ts";
import { until, type World } from "./world.ts";

/**
 * Drives the emulator from another process, on this machine only; `client.ts` is the other end.
 * `POST /_admin/<verb>` with the verb's arguments as a JSON list answers its result, or 400 with what is wrong.
 * `GET /_admin/state?after=<version>&wait=<seconds>` answers the state as soon as it is newer than that version.
 */
export function adminApi(world: World): Hono {
  const admin = new Hono();
  const verbs = new Map(Object.entries(controls(world)));
  admin.use(onlyThisMachine);
  admin.get("/state", (c) => nextState(world, c));
  admin.get("/calls", (c) => c.json(world.calls));
  admin.post("/:verb", async (c) => {
    const verb: Verb | undefined = verbs.get(c.req.param("verb"));
    if (!verb) return c.json({ message: `there is no verb ${c.req.param("verb")}` }, 404);
    try {
      return c.json({ result: verb(...((await c.req.json()) as never[])) ?? null });
    } catch (error) {
      return c.json({ message: error instanceof Error ? error.message : String(error) }, 400);
    }
  });
  return admin;
}

type Verb = (...given: never[]) => ReturnType<Controls[keyof Controls]>;

async function nextState(world: World, c: Context): Promise<Response> {
  const after = Number(c.req.query("after") ?? -1);
  const waitMs = Number(c.req.query("wait") ?? 0) * 1000;
  // Nothing new in time is no error here: the caller gets the state it has.
  if (waitMs > 0) await until(world, () => world.version > after, waitMs).catch(() => undefined);
  return c.json(snapshot(world));
}
