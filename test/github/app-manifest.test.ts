import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { appMaking } from "../../src/github/app-manifest.ts";
import { GitHubUnavailable } from "../../src/ports.ts";

const ORDER = {
  name: "Mayfly",
  org: "octo",
  hookUrl: "https://relay.example.org/x",
  redirectUrl: "http://127.0.0.1:3000/setup/made",
};
const ANSWER = {
  id: 42,
  slug: "mayfly",
  html_url: "https://github.lab.example/github-apps/mayfly",
  client_id: "Iv23abc",
  client_secret: "hunter2 client",
  webhook_secret: "hunter2 webhook",
  pem: "hunter2 key",
};

const making = (apiUrl: string) =>
  appMaking({
    project: resolve(import.meta.dirname, "../.."),
    webUrl: "https://github.lab.example",
    apiUrl,
    publicUrl: undefined,
    operators: [],
  });

/** A GitHub that answers this to everything, and notes what it was asked. */
async function answering(status: number, body: string): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const answer: RequestListener = ({ method, url, headers }, response) => {
    asked.push(`${method} ${url} ${headers.authorization ?? "without credentials"}`);
    response.writeHead(status, { "content-type": "application/json" }).end(body);
  };
  const server = createServer(answer).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await new Promise((done) => server.once("listening", done));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const never = new AbortController().signal;

test("a GitHub server of one's own is asked at its own addresses", async () => {
  const { url, asked } = await answering(201, JSON.stringify(ANSWER));
  const apps = making(`${url}/api/v3`);

  const { action, manifest } = apps.form(ORDER, "a state");
  const app = await apps.redeem("c/o?de", never);

  expect(action).toBe("https://github.lab.example/organizations/octo/settings/apps/new?state=a%20state");
  expect(JSON.parse(manifest)).toMatchObject({ url: "https://github.lab.example/octo", public: false });
  expect(asked).toEqual(["POST /api/v3/app-manifests/c%2Fo%3Fde/conversions without credentials"]);
  expect(app).toMatchObject({ appId: 42, pageUrl: ANSWER.html_url, privateKey: ANSWER.pem });
});

describe("the code of a new App", () => {
  test.each([404, 422])("is no good if GitHub answers %i", async (status) => {
    const { url } = await answering(status, "{}");

    expect(await making(url).redeem("code", never)).toBe("refused");
  });

  test.each([
    [500, "{}"],
    [403, "{}"],
    [201, "hunter2"],
    [201, JSON.stringify({ ...ANSWER, id: "hunter2" })],
    [201, JSON.stringify({ ...ANSWER, html_url: "hunter2" })],
  ])("may be good still if GitHub answers %i %s, of which nothing is told", async (status, body) => {
    const { url } = await answering(status, body);

    const error: unknown = await making(url)
      .redeem("hunter2code", never)
      .catch((reason: unknown) => reason);

    expect(error).toBeInstanceOf(GitHubUnavailable);
    expect(JSON.stringify([error, String(error), String((error as Error).cause)])).not.toContain("hunter2");
  });

  test("may be good still if GitHub cannot be reached, and is not told either", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((done) => server.once("listening", done));
    const { port } = server.address() as AddressInfo;
    await new Promise((done) => server.close(done));
    const failed = making(`http://127.0.0.1:${port}`).redeem("hunter2code", never);

    const error: unknown = await failed.catch((reason: unknown) => reason);

    expect(error).toBeInstanceOf(GitHubUnavailable);
    expect((error as Error).cause).toBe("ECONNREFUSED");
  });
});
