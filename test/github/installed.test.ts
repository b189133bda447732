import { describe, expect, test } from "vitest";
import { install } from "../rig/github/population.ts";
import { NO_LIMIT, REPO, startPort } from "./support.ts";

const LIST = "apps/list-repos-accessible-to-installation";
const OTHER = "Octo/other";
const OWNERS = ["spinw", "Octo"];

async function startWithTwo() {
  const started = await startPort();
  started.gh.addRepository(OTHER);
  const granted = async () => ({
    list: await started.github.installed(OWNERS, NO_LIMIT),
    each: await Promise.all([REPO, OTHER].map((repo) => started.github.isInstalled(repo, NO_LIMIT))),
  });
  return { ...started, granted };
}

describe("where the App is installed", () => {
  test("is told by the list, and of each repository by itself", async () => {
    const { granted } = await startWithTwo();

    expect(await granted()).toEqual({ list: [REPO, OTHER], each: [true, true] });
  });

  test("is not where it was removed, and again where it was installed anew", async () => {
    const { gh, granted } = await startWithTwo();
    gh.uninstall(REPO);

    expect(await granted()).toEqual({ list: [OTHER], each: [false, true] });

    const repo = gh.world.repos.get(REPO.toLowerCase());
    if (repo) install(gh.world, repo);
    expect(await granted()).toEqual({ list: [OTHER, REPO], each: [true, true] });
  });

  test("is not where it is suspended", async () => {
    const { gh, granted } = await startWithTwo();
    gh.suspend(REPO, true);

    expect(await granted()).toEqual({ list: [OTHER], each: [false, true] });
  });

  test("is told of the others when an organisation lets in certain addresses only", async () => {
    const { gh, granted } = await startWithTwo();
    gh.faults.answers.push({
      operation: LIST,
      status: 403,
      message:
        "Although you appear to have the correct authorization credentials, your IP address is not permitted",
      times: 1,
    });

    expect(await granted()).toEqual({ list: [OTHER], each: [true, true] });
  });

  test.for([500, 403])("is told of the others when one installation answers %i", async (status) => {
    const { gh, github, logged } = await startWithTwo();
    // NB: a read that GitHub fails is sent three times.
    gh.faults.answers.push({ operation: LIST, status, times: status === 403 ? 1 : 3 });

    expect(await github.installed(OWNERS, NO_LIMIT)).toEqual([OTHER]);
    expect(logged()).toContain("the repositories of an installation could not be listed");
  });

  test("is not asked of the installations of others", async () => {
    const { github, calls } = await startWithTwo();

    expect(await github.installed(["octo"], NO_LIMIT)).toEqual([OTHER]);
    expect(calls()).toEqual(["200 apps/list-installations", `200 ${LIST}`]);
    expect(await github.installed("all", NO_LIMIT)).toEqual([REPO, OTHER]);
  });

  test("costs an installation nothing of its hour as long as nothing changes", async () => {
    const { github, calls } = await startWithTwo();
    await github.installed(OWNERS, NO_LIMIT);
    const before = calls().length;

    await github.installed(OWNERS, NO_LIMIT);

    expect(calls().slice(before)).toEqual(["200 apps/list-installations", ...Array(2).fill(`304 ${LIST}`)]);
  });

  test("is not known when GitHub does not answer", async () => {
    const { gh, github } = await startWithTwo();
    gh.faults.answers.push({ operation: "apps/get-repo-installation", status: 502 });

    await expect(github.isInstalled(REPO, NO_LIMIT)).rejects.toThrow("github did not answer");
  });
});
