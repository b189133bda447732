import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { webhookRoutes } from "../../src/intake/webhook.ts";
import { type Delivery, SetupError } from "../../src/ports.ts";
import { startWebListener, type WebListener } from "../../src/web/listener.ts";
import { keptLog } from "../support/log.ts";
import { SECRET, signed } from "../support/webhook.ts";

const BODY = JSON.stringify({ action: "queued", name: "a name that nobody may read in the log" });
const NEW_SECRET = "the secret that takes over";

type Setup = { secrets?: string[]; keep?: (delivery: Delivery) => Promise<"new" | "known"> };

const listeners: WebListener[] = [];
afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
});

async function start({ secrets = [SECRET], keep }: Setup = {}) {
  const kept = new Map<string, Delivery>();
  const { log, text, lines } = keptLog();
  let rung = 0;
  const keepInMemory = async (delivery: Delivery) => {
    const answer = kept.has(delivery.id) ? "known" : "new";
    kept.set(delivery.id, delivery);
    return answer;
  };
  const routes = webhookRoutes({
    secrets,
    keep: keep ?? keepInMemory,
    wake: () => {
      rung += 1;
    },
    clock: systemClock,
    log,
  });
  const listener = await startWebListener({ listen: { host: "127.0.0.1", port: 0 }, routes });
  listeners.push(listener);
  const post = (body: string, headers: Record<string, string>, path = "/webhook") =>
    fetch(`${listener.url}${path}`, { method: "POST", body, headers });
  return { post, kept: () => [...kept.values()], rung: () => rung, logged: text, lines, url: listener.url };
}

describe("a webhook that GitHub signed", () => {
  test("is kept word for word, and answered 202", async () => {
    const { post, kept, rung } = await start();
    const headers = signed(BODY);

    const answer = await post(BODY, headers);

    expect(answer.status).toBe(202);
    expect(kept()).toEqual([
      {
        id: headers["x-github-delivery"],
        event: "workflow_job",
        payload: BODY,
        receivedAt: expect.any(Number),
      },
    ]);
    expect(rung()).toBe(1);
  });

  test("is taken on Probot's own path too", async () => {
    const { post, kept } = await start();

    const answer = await post(BODY, signed(BODY), "/api/github/webhooks");

    expect(answer.status).toBe(202);
    expect(kept()).toHaveLength(1);
  });

  test("is verified on the bytes that came, whatever way its strings are escaped", async () => {
    const { post, kept } = await start();
    const body = String.raw`{ "name":"\u003cscript\u003e \/ \u00e4 ä 😀", "2":1, "1":1.0, "id":12345678901234567890 }`;

    const answer = await post(body, signed(body));

    expect(answer.status).toBe(202);
    expect(kept()[0]?.payload).toBe(body);
  });

  test("rings no bell when its id came before", async () => {
    const { post, kept, rung } = await start();
    const headers = signed(BODY);

    await post(BODY, headers);
    const answer = await post(BODY, headers);

    expect(answer.status).toBe(202);
    expect(kept()).toHaveLength(1);
    expect(rung()).toBe(1);
  });

  test("is accepted under the old and the new secret while one takes over from the other", async () => {
    const { post } = await start({ secrets: [NEW_SECRET, SECRET] });

    const answers = await Promise.all([
      post(BODY, signed(BODY, "workflow_job", SECRET)),
      post(BODY, signed(BODY, "workflow_job", NEW_SECRET)),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
  });

  test("is answered 503 when it cannot be kept, so that GitHub lists it as failed", async () => {
    const { post, rung, logged } = await start({ keep: () => Promise.reject(new Error("disk full")) });

    const answer = await post(BODY, signed(BODY));

    expect(answer.status).toBe(503);
    expect(rung()).toBe(0);
    expect(logged()).toContain("disk full");
  });

  test("is answered only after it was kept", async () => {
    const { promise, resolve } = Promise.withResolvers<"new">();
    const { post } = await start({ keep: () => promise });
    let isAnswered = false;

    const answer = post(BODY, signed(BODY)).then((response) => {
      isAnswered = true;
      return response.status;
    });
    await fetch(listeners[0]?.url ?? "");
    const wasAnswered = isAnswered;
    resolve("new");

    expect(wasAnswered).toBe(false);
    expect(await answer).toBe(202);
  });
});

test("the listener closes only after it has answered what it took", async () => {
  const { promise, resolve } = Promise.withResolvers<"new">();
  const taken = Promise.withResolvers<void>();
  const { post } = await start({
    keep: () => {
      taken.resolve();
      return promise;
    },
  });

  const answer = post(BODY, signed(BODY));
  await taken.promise;
  const closed = Promise.all(listeners.splice(0).map((listener) => listener.close()));
  resolve("new");

  expect((await answer).status).toBe(202);
  await closed;
});

describe("a request is refused", () => {
  const large = `{"a":"${"x".repeat(1024 * 1024)}"}`;

  test.for<[string, number, string, (headers: Record<string, string>) => Record<string, string>]>([
    ["without a signature", 401, BODY, ({ "x-hub-signature-256": _, ...rest }) => rest],
    ["with an empty signature", 401, BODY, (headers) => ({ ...headers, "x-hub-signature-256": "" })],
    [
      "with a signature that is no hash",
      401,
      BODY,
      (headers) => ({ ...headers, "x-hub-signature-256": "sha256=00" }),
    ],
    [
      "with the signature of another body",
      401,
      BODY,
      (headers) => ({ ...headers, ...pick(signed("{}"), "x-hub-signature-256") }),
    ],
    ["when signed with another secret", 401, BODY, () => signed(BODY, "workflow_job", "some other secret")],
    [
      "when signed with Probot's default secret",
      401,
      BODY,
      () => signed(BODY, "workflow_job", "development"),
    ],
    ["without a delivery id", 400, BODY, ({ "x-github-delivery": _, ...rest }) => rest],
    [
      "with a delivery id that is no GUID",
      400,
      BODY,
      (headers) => ({ ...headers, "x-github-delivery": "1; drop table" }),
    ],
    ["without the name of an event", 400, BODY, ({ "x-github-event": _, ...rest }) => rest],
    [
      "with an event's name that cannot be one",
      400,
      BODY,
      (headers) => ({ ...headers, "x-github-event": "a b" }),
    ],
    [
      "as a form",
      415,
      BODY,
      (headers) => ({ ...headers, "content-type": "application/x-www-form-urlencoded" }),
    ],
    ["with a signed body that is no JSON", 400, "{", (headers) => headers],
    ["with a signed body that is no object", 400, "[]", (headers) => headers],
    ["with more than 1 MiB", 413, large, (headers) => headers],
  ])("%s: %i", async ([, status, body, change]) => {
    const { post, kept, logged } = await start();

    const answer = await post(body, change(signed(body)));

    expect(answer.status).toBe(status);
    expect(kept()).toEqual([]);
    expect(logged()).not.toContain("nobody may read");
  });

  test("with more than 1 MiB before the body is sent", async () => {
    const { url } = await start();
    const { port } = new URL(url);

    const answer = await talk(Number(port), head({ "content-length": String(1024 * 1024 + 1) }));

    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("as soon as a body of unknown length grows beyond 1 MiB", async () => {
    const { url } = await start();
    const { port } = new URL(url);
    const chunk = `${(64 * 1024).toString(16)}\r\n${"x".repeat(64 * 1024)}\r\n`;

    const answer = await talk(Number(port), head({ "transfer-encoding": "chunked" }) + chunk.repeat(17));

    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("with one line in the log for a flood of them", async () => {
    const { post, lines } = await start();

    for (let count = 0; count < 20; count += 1)
      await post(BODY, signed(BODY, "workflow_job", "some other secret"));

    expect(lines).toMatchObject([{ msg: "webhook refused", status: 401 }]);
  });
});

describe("the listener does not start", () => {
  test.for([
    ["without a secret", [], "There is no webhook secret"],
    ["with an empty secret", [""], "shorter than 16"],
    ["with Probot's default secret", ["development"], "everybody knows"],
    ["with a short secret", ["fifteen letters"], "shorter than 16"],
    ["when only the second secret is good", ["development", SECRET], "everybody knows"],
  ] as const)("%s", async ([, secrets, why]) => {
    const started = start({ secrets: [...secrets] });

    await expect(started).rejects.toThrow(SetupError);
    await expect(started).rejects.toThrow(why);
    await expect(started).rejects.toThrow("openssl rand");
  });

  test("on an address that is in use, and says so", async () => {
    const { url } = await start();
    const port = Number(new URL(url).port);
    const { log } = keptLog();
    const routes = webhookRoutes({
      secrets: [SECRET],
      keep: async () => "new",
      wake: () => {},
      clock: systemClock,
      log,
    });

    const second = startWebListener({ listen: { host: "127.0.0.1", port }, routes });

    await expect(second).rejects.toThrow(`Cannot listen on 127.0.0.1 port ${port}`);
  });
});

function pick(headers: Record<string, string>, name: string): Record<string, string> {
  return { [name]: headers[name] ?? "" };
}

function head(headers: Record<string, string>): string {
  const all = { host: "localhost", ...signed(BODY), ...headers };
  return `POST /webhook HTTP/1.1\r\n${Object.entries(all)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")}\r\n`;
}

/** Sends text and answers what comes back, without ever ending the request. */
function talk(port: number, text: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect(port, "127.0.0.1", () => socket.write(text));
  socket.once("data", (data) => {
    resolve(String(data));
    socket.destroy();
  });
  socket.once("error", reject);
  return promise;
}
