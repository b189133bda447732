import { createHash, randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { githubSignIn } from "../../src/github/sign-in.ts";
import type { SignIn } from "../../src/ports.ts";
import { type EmulatedGitHub, type GitHubOptions, startGitHub } from "../rig/github/server.ts";
import { keptLog } from "../support/log.ts";
import { answerGitHub } from "../support/sign-in.ts";

const CALLBACK = "https://mayfly.example.org/sign-in/callback";
const NO_LIMIT = new AbortController().signal;

let github: EmulatedGitHub;
let kept: ReturnType<typeof keptLog>;

beforeEach(async () => {
  kept = keptLog();
  github = await startGitHub({ callbacks: [CALLBACK] });
  github.addRepository("octo/spinw", { private: true });
  github.addRepository("octo/horace");
  github.addRepository("ess/sasview", { private: true });
  github.addCollaborator("octo/spinw", "mona", "read");
  github.addCollaborator("ess/sasview", "mona", "write");
});
afterEach(() => github.close());

const signInAt = ({ app, url, apiUrl }: EmulatedGitHub, secret = app.clientSecret): SignIn =>
  githubSignIn({ clientId: app.clientId, clientSecret: secret, webUrl: url, apiUrl, log: kept.log });

/** A person goes to GitHub and back. */
async function codeFor(login: string, at = github) {
  const verifier = randomBytes(32).toString("base64url");
  const challenge = createHash("sha256").update(verifier).digest("base64url");
  const address = signInAt(at).address({ state: "a state", challenge, callback: CALLBACK });
  const back = await answerGitHub(address, login);
  return { code: back.searchParams.get("code") ?? "", state: back.searchParams.get("state"), verifier };
}

describe("somebody who signs in", () => {
  test("is known by login, with the repositories of the App in which they have a right", async () => {
    const { code, state, verifier } = await codeFor("mona");

    const person = await signInAt(github).person({ code, verifier, callback: CALLBACK }, NO_LIMIT);

    expect(state).toBe("a state");
    expect(person).toEqual({ login: "mona", repositories: ["octo/spinw", "ess/sasview"] });
    expect(github.violations).toEqual([]);
  });

  test("is refused with a code that was redeemed before", async () => {
    const { code, verifier } = await codeFor("mona");
    const redeem = () => signInAt(github).person({ code, verifier, callback: CALLBACK }, NO_LIMIT);
    await redeem();

    expect(await redeem()).toBe("refused");
  });

  test("is refused with the code of another browser", async () => {
    const { code } = await codeFor("mona");
    const order = { code, verifier: "another", callback: CALLBACK };

    expect(await signInAt(github).person(order, NO_LIMIT)).toBe("refused");
  });

  test("is refused with a code that is too old", async () => {
    const late = await withTimes({ signInCodeMs: 0 });
    const { code, verifier } = await codeFor("mona", late);

    expect(await signInAt(late).person({ code, verifier, callback: CALLBACK }, NO_LIMIT)).toBe("refused");
  });
});

describe("the token of somebody who signs in", () => {
  const signIn = async () => {
    const { code, verifier } = await codeFor("mona");
    return signInAt(github).person({ code, verifier, callback: CALLBACK }, NO_LIMIT);
  };

  test("is worth nothing once it is known who they are", async () => {
    await signIn();

    expect(github.calls.at(-1)).toMatchObject({ operation: "apps/delete-token", status: 204 });
    expect(github.world.userTokens.size).toBe(0);
    expect(kept.lines).toEqual([]);
  });

  test("is worth nothing either when GitHub tells nothing of them", async () => {
    github.faults.answers.push({ operation: "apps/list-installations-for-authenticated-user", status: 502 });

    await expect(signIn()).rejects.toThrow("github did not answer");
    expect(github.world.userTokens.size).toBe(0);
  });

  test.each([{ status: 500 }, { cut: true }])(
    "hinders nobody when it cannot be revoked (%j), and the log says so without it",
    async (fault) => {
      github.faults.answers.push({ operation: "apps/delete-token", ...fault });

      const person = await signIn();

      expect(person).toMatchObject({ login: "mona" });
      expect(kept.text()).toContain("could not be revoked");
      for (const secret of [...github.world.userTokens.keys(), github.app.clientSecret])
        expect(kept.text()).not.toContain(secret);
      expect(github.world.userTokens.size).toBe(1);
    },
  );
});

describe("a sign-in that cannot be judged", () => {
  test("is thrown when GitHub does not know our secret, which the error does not tell", async () => {
    const { code, verifier } = await codeFor("mona");
    const signIn = signInAt(github, "a-wrong-secret");

    const failed = signIn.person({ code, verifier, callback: CALLBACK }, NO_LIMIT);

    await expect(failed).rejects.toThrow("github refuses to sign people in: incorrect_client_credentials");
    await expect(failed).rejects.not.toThrow("a-wrong-secret");
  });

  test("is thrown when the person's token ends too early", async () => {
    const hasty = await withTimes({ userTokenMs: 0 });
    const { code, verifier } = await codeFor("mona", hasty);

    await expect(signInAt(hasty).person({ code, verifier, callback: CALLBACK }, NO_LIMIT)).rejects.toThrow(
      "github did not answer",
    );
  });
});

async function withTimes(times: GitHubOptions["times"]): Promise<EmulatedGitHub> {
  await github.close();
  github = await startGitHub({ callbacks: [CALLBACK], times });
  github.addRepository("octo/spinw");
  github.addCollaborator("octo/spinw", "mona", "read");
  return github;
}
