import { z } from "zod";
import type { MachineName, Repository } from "../core/types.ts";
import type { GitHub, Registration, RunnerSeen } from "../ports.ts";
import { allPages, ask, type Client, type InRepo } from "./client.ts";
import { Unanswered } from "./errors.ts";

/** GitHub's default group. The call has no default for it. See: REST, "Create configuration for a just-in-time runner". */
const DEFAULT_GROUP = 1;
/** The runner's own default, which the call must be given all the same. */
const WORK_FOLDER = "_work";

/** NB: a runner whose VM died in mid-job stays busy at GitHub for a while, though offline. Busy counts. */
const runner = z
  .object({ id: z.int(), name: z.string(), status: z.string(), busy: z.boolean() })
  .transform(({ id, name, status, busy }): RunnerSeen => {
    return { id, name, state: busy ? "busy" : status === "online" ? "idle" : "offline" };
  });
const runnerPage = z.object({ runners: z.array(runner) }).transform(({ runners }) => runners);
const jitAnswer = z.object({ runner: z.object({ id: z.int() }), encoded_jit_config: z.string().min(1) });
const tokenAnswer = z.object({ token: z.string().min(1) });

/** The runners part of the port. `webUrl`: base address of the pages, for runners that register themselves. */
export function runnerVerbs(client: Client, webUrl: string): Pick<GitHub, "runners" | "register" | "remove"> {
  return {
    runners: (repo, signal) => client.inRepo(repo, signal, (place) => list(place)),
    register(repository, name, labels, signal) {
      const wish = { repository, name, labels };
      return client.inRepo(repository.name, signal, (place) =>
        repository.registration === "jit" ? registerJit(place, wish) : registerByToken(place, wish, webUrl),
      );
    },
    remove: (repo, runnerId, signal) => client.inRepo(repo, signal, (place) => remove(place, runnerId)),
  };
}

type Wish = { repository: Repository; name: MachineName; labels: readonly string[] };

/**
 * NB: GitHub adds no label by itself, not even `self-hosted`, so the runner answers to exactly those given.
 * Labels and scope are all that decides which job it gets.
 */
async function registerJit(place: InRepo, { name, labels }: Wish): Promise<Registration | "taken"> {
  try {
    const answer = await ask({
      send: () =>
        place.rest.actions.generateRunnerJitconfigForRepo({
          ...place.at,
          name,
          labels: [...labels],
          runner_group_id: DEFAULT_GROUP,
          work_folder: WORK_FOLDER,
        }),
      shape: jitAnswer,
      expect: { 409: "taken" },
    } as const);
    if (answer === "taken") return "taken";
    return { registration: "jit", runnerId: answer.runner.id, jit: answer.encoded_jit_config };
  } catch (error) {
    if (error instanceof Unanswered && !(await freeName(place, name))) return "taken";
    throw error;
  }
}

/**
 * After a registration without an answer: makes sure that no runner bears the name, since its configuration is lost with the answer.
 * False if it cannot be removed.
 */
async function freeName(place: InRepo, name: MachineName): Promise<boolean> {
  const lost = await find(place, name);
  return !lost || (await remove(place, lost.id)) === "removed";
}

/** NB: the name is not taken by this call; the runner itself takes it when it registers. */
async function registerByToken(
  place: InRepo,
  { repository, name, labels }: Wish,
  webUrl: string,
): Promise<Registration | "taken"> {
  if (await find(place, name)) return "taken";
  const { token } = await ask({
    send: () => place.rest.actions.createRegistrationTokenForRepo(place.at),
    shape: tokenAnswer,
  });
  return { registration: "token", url: `${webUrl}/${repository.name}`, token, name, labels };
}

async function remove({ rest, at }: InRepo, runnerId: number): Promise<"removed" | "busy"> {
  const outcome = await ask({
    send: () => rest.actions.deleteSelfHostedRunnerFromRepo({ ...at, runner_id: runnerId }),
    shape: z.unknown().transform(() => "removed" as const),
    expect: { 404: "not found", 422: "busy" },
  } as const);
  if (outcome !== "not found") return outcome;
  // NB: GitHub also answers 404 where it hides a repository from us. Only if it shows us the repository's runners is this one gone.
  await ask({
    send: () => rest.actions.listSelfHostedRunnersForRepo({ ...at, per_page: 1 }),
    shape: runnerPage,
  });
  return "removed";
}

async function find({ rest, at }: InRepo, name: MachineName): Promise<RunnerSeen | undefined> {
  const runners = await ask({
    send: () => rest.actions.listSelfHostedRunnersForRepo({ ...at, name }),
    shape: runnerPage,
  });
  return runners.find((runner) => runner.name === name);
}

function list({ rest, at }: InRepo): Promise<RunnerSeen[]> {
  return allPages((page) =>
    ask({ send: () => rest.actions.listSelfHostedRunnersForRepo({ ...at, ...page }), shape: runnerPage }),
  );
}
