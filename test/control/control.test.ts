import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { askController } from "../../src/control/client.ts";
import type { Fact } from "../../src/core/facts.ts";
import { mayfly } from "../cli-site.ts";
import { aRepository, M1, M2, NOW } from "../support/build.ts";
import { created, seen } from "../support/facts.ts";
import { controller, controllerIn, newFolder, STANDING } from "./controller.ts";

describe("the controller, asked what there is", () => {
  test("tells its hosts, pools, machines and jobs", async () => {
    const { ask } = await controller(
      seen(1),
      created(M1, 1),
      seen(2),
      seen(3, { labels: ["ubuntu-latest"] }),
    );

    expect(await ask("/ps")).toMatchObject({
      at: NOW,
      hosts: [{ name: "lab1", machines: 1, limit: 100, isReachable: true, isDrained: false }],
      pools: [{ repo: "octo/spinw", image: "plain", waiting: 2, coming: 1, working: 0 }],
      machines: [{ name: M1, host: "lab1", phase: "ordered" }],
      jobs: [
        { id: 1, is: "booting", text: "Booting plain", isOurs: true },
        { id: 2, is: "waiting", text: "1st in the queue", isOurs: true },
        { id: 3, isOurs: false },
      ],
    });
  });

  test("tells how its installations stand with GitHub's limits, and which repositories of the catalogue they have", async () => {
    const repositories = [aRepository({ name: "Octo/SpinW" })];
    const { ask } = await controllerIn(newFolder(), { world: { catalogue: { repositories } } });

    expect(await ask("/ps")).toMatchObject({
      installations: [{ ...STANDING, repositories: ["Octo/SpinW"] }],
    });
  });

  test("tells how many webhooks failed every try, also to people", async () => {
    const folder = newFolder();
    const config = join(folder, "mayfly.yml");
    writeFileSync(config, `data: ${folder}\n`);
    const { ask } = await controllerIn(folder, { setAside: ["a", "b"] });

    const { stdout } = await mayfly(["ps", "--config", config]);

    expect(await ask("/ps")).toMatchObject({ setAside: 2 });
    expect(stdout).toContain("Webhooks that failed every try and are set aside until the next start: 2.");
  });
});

describe("a host, as the controller tells it", () => {
  test("has no machine any more whose VM was destroyed, although its row is still there", async () => {
    const { ask } = await controller(created(M1), { kind: "vm-destroyed", at: NOW, machine: M1 });

    expect(await ask("/ps")).toMatchObject({
      hosts: [{ name: "lab1", machines: 0 }],
      machines: [{ name: M1, phase: "destroyed" }],
    });
  });
});

describe("the controller, asked why a job is not running", () => {
  test("says what it waits for, and what has happened", async () => {
    const { ask } = await controller(seen(1), { kind: "host-drained", at: NOW, host: "lab1", drained: true });

    expect(await ask("/why/1")).toMatchObject({
      job: { id: 1, repo: "octo/spinw" },
      sentences: [
        "Its labels (self-hosted and our-plain) lead to the image plain.",
        "It is 1st in the queue: lab1 is drained.",
        "Somebody took the host out of service. Put it back: mayfly drain lab1 --off",
      ],
      history: [{ at: NOW, text: "the job is queued" }],
    });
  });

  test("says that GitHub limits the calls that it needs", async () => {
    const { ask } = await controller(seen(1), {
      kind: "github-limited",
      at: NOW,
      installation: 77,
      until: NOW + 90_000,
    });

    expect(await ask("/why/1")).toMatchObject({
      sentences: expect.arrayContaining([
        "GitHub limits Mayfly's calls for this installation until 12:01:30 (UTC); machines boot meanwhile, and are registered then.",
      ]),
    });
  });

  test("tells of a job that is over from its history", async () => {
    const { ask } = await controller(
      seen(1),
      created(M1, 1),
      seen(1, { status: "running", ranOn: M1 }, NOW + 1),
      seen(1, { status: "done", conclusion: "success", ranOn: M1 }, NOW + 2),
      { kind: "job-closed", at: NOW + 3, job: 1 },
    );

    expect(await ask("/why/1")).toMatchObject({
      sentences: [`It is over: success. It ran on ${M1}.`],
      history: [
        { text: "the job is queued" },
        { text: `machine ${M1} was wanted on lab1` },
        { text: `the job runs on ${M1}` },
        { text: "the job is done: success" },
        { text: "the job's story was closed" },
      ],
    });
  });

  test("says that it knows nothing of a job, and why that may be", async () => {
    const { ask } = await controller();

    await expect(ask("/why/404")).rejects.toThrow(
      /^Nothing is known of job 404\. Either .* Served are octo\/spinw\.$/,
    );
  });
});

describe("the controller, told to destroy a machine", () => {
  test("retires it for good, and looks at once", async () => {
    const { tell, store, rings } = await controller(created(M1));

    const sentence = await tell(`/machines/${M1}/destroy`);

    expect(sentence).toBe(`Machine ${M1} will be destroyed now, with whatever runs in it.`);
    expect(store.state.machines.get(M1)?.retired).toEqual({ at: NOW, why: "operator" });
    expect(rings()).toBe(1);
  });

  test("says so when it is leaving already", async () => {
    const { tell, rings } = await controller(created(M1), {
      kind: "machine-retired",
      at: NOW,
      machine: M1,
      why: "operator",
    });

    await expect(tell(`/machines/${M1}/destroy`)).rejects.toThrow(
      "is leaving already, since it was retired as operator",
    );
    expect(rings()).toBe(0);
  });

  test("does not let one that is retired wait for its job any longer", async () => {
    const retired: Fact = { kind: "machine-retired", at: NOW, machine: M1, why: "guest-lost" };
    const { tell, store } = await controller(created(M1), retired);

    await tell(`/machines/${M1}/destroy`);

    expect(store.state.machines.get(M1)?.retired?.why).toBe("operator");
  });

  test("takes one off the books whose host left the catalogue, so that its row can end", async () => {
    const { tell, store } = await controller({ ...created(M1), host: "lab9" } as Fact);

    const sentence = await tell(`/machines/${M1}/destroy`);

    expect(sentence).toContain("Its host lab9 is not in the catalogue any more");
    expect(store.state.machines.get(M1)).toMatchObject({ retired: { why: "operator" }, destroyedAt: NOW });
  });

  test("tells the name that was perhaps meant", async () => {
    const { tell } = await controller(created(M1), created(M2));

    await expect(tell(`/machines/${M1.replace("lab", "lap")}/destroy`)).rejects.toThrow(
      `Perhaps ${M1} was meant.`,
    );
    await expect(tell("/machines/nonsense/destroy")).rejects.toThrow(`There are ${M1}, ${M2}.`);
  });
});

describe("the controller, told to drain a host", () => {
  test("remembers it until it is told otherwise", async () => {
    const { tell, store } = await controller(created(M1), {
      kind: "machine-configured",
      at: NOW,
      machine: M1,
    });

    expect(await tell("/hosts/lab1/drain", { drained: true })).toContain(
      "Machines at work on it, which may end: 1.",
    );
    expect([...store.state.drained]).toEqual(["lab1"]);
    expect(await tell("/hosts/lab1/drain", { drained: false })).toBe("Host lab1 takes machines again.");
    expect([...store.state.drained]).toEqual([]);
  });

  test("knows only hosts of its catalogue", async () => {
    const { tell, store } = await controller();

    await expect(tell("/hosts/lab2/drain", { drained: true })).rejects.toThrow(
      "There is no host named lab2. Perhaps lab1 was meant.",
    );
    expect(store.state.drained.size).toBe(0);
  });

  test("refuses a body that does not say which way", async () => {
    const { tell } = await controller();

    await expect(tell("/hosts/lab1/drain", { drained: "yes" })).rejects.toThrow("The body must be");
    await expect(tell("/hosts/lab1/drain")).rejects.toThrow("The body must be");
  });
});

describe("the controller", () => {
  test("says so when it does not know a command", async () => {
    const { ask } = await controller();

    await expect(ask("/machines")).rejects.toThrow("does not know this command");
  });

  test("says where to look when a command fails in it", async () => {
    const { ask, log } = await controller("broken");

    await expect(ask("/ps")).rejects.toThrow(
      "The controller failed: the world is broken. Its log says more.",
    );
    expect(log()).toContain("command failed");
  });
});

describe("the socket", () => {
  test("is for our own user only", async () => {
    const { path } = await controller();

    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("takes the place of one that a killed controller left", async () => {
    const folder = newFolder();
    writeFileSync(join(folder, "control.sock"), "");

    const { ask } = await controllerIn(folder);

    await expect(ask("/ps")).resolves.toMatchObject({ at: NOW });
  });

  test("is gone when the controller is", async () => {
    const { path, close } = await controller();

    await close();

    expect(existsSync(path)).toBe(false);
    await expect(askController(path, { method: "GET", path: "/ps" })).rejects.toThrow(
      /^No controller is running: nobody answers at/,
    );
  });

  test("cannot have a path that is too long for one", async () => {
    await expect(controllerIn(newFolder(), { file: "x".repeat(100) })).rejects.toThrow(
      'Choose a shorter "data"',
    );
  });
});
