import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { mayfly, site, start } from "./cli-site.ts";
import { ourRelay, soon, TOKEN } from "./support/relay.ts";

describe("a controller with a relay", () => {
  test("says in ps and in its metrics how the line is, and in no place what the channel is", async () => {
    const relay = await ourRelay();
    const { host } = new URL(relay.url);
    const { config, env } = site();
    const running = await start(config, { ...env, RELAY_URL: relay.url });
    const ask = async (...args: string[]) => (await mayfly([...args, "--config", config], env)).stdout;
    await running.log({ msg: "relay connected" });
    await soon(async () => expect(await ask("ps")).toMatch(/last ping \d+ s ago/));

    const text = await ask("ps");
    const { relay: health } = JSON.parse(await ask("ps", "--json"));
    const metrics = await running.get("/metrics");
    await relay.cut();
    const lost = await running.log({ msg: "relay lost, will be tried again" });
    const after = await ask("ps");

    expect(text).toMatch(
      new RegExp(`^RELAY ${host}: connected, last ping \\d+ s ago, last event none yet\n`),
    );
    expect(health).toMatchObject({ relay: host, isConnected: true, spoilt: 0 });
    expect(metrics).toContain("mayfly_relay_connected 1\n");
    expect(metrics).toContain('mayfly_host_machines{host="lab1"} 0\n');
    expect(after).toContain(`RELAY ${host}: not connected, last ping `);
    expect(JSON.stringify([text, health, metrics, lost, after])).not.toContain(TOKEN);
    expect(await running.end()).toBe(0);
  }, 30_000);

  test("starts, and works, when the relay is down", async () => {
    const relay = await ourRelay();
    await relay.cut();
    const { config, env } = site();

    const running = await start(config, { ...env, RELAY_URL: relay.url });

    await running.sendJob("queued");
    await running.log({ msg: "job seen", status: "queued" });
    expect(await running.end()).toBe(0);
  });

  test("reaches the relay through the proxy that the environment names", async () => {
    const relay = await ourRelay();
    const proxy = await aProxy(Number(new URL(relay.url).port));
    const { config, env } = site();

    const url = `http://localhost:8081/${TOKEN}`;
    const running = await start(config, { ...env, RELAY_URL: url, HTTP_PROXY: proxy.url });
    await running.log({ msg: "relay connected" });

    expect(proxy.asked()).toEqual(["localhost:8081"]);
    expect(await running.end()).toBe(0);
  });

  test("says nothing of a relay if there is none", async () => {
    const { config, env } = site();
    const running = await start(config, env);

    const { stdout } = await mayfly(["ps", "--config", config], env);

    expect(stdout).not.toContain("RELAY");
    expect(await running.end()).toBe(0);
  });
});

/** A proxy that leads to one port, whatever it is asked for. */
async function aProxy(port: number) {
  const asked: string[] = [];
  const server = createServer();
  server.on("connect", (request, socket) => {
    asked.push(request.url ?? "");
    const onward = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      socket.pipe(onward).pipe(socket);
    });
    onward.once("error", () => socket.destroy());
    socket.once("error", () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: () => asked };
}
