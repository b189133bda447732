import type { Controls } from "./controls.ts";
import type { Call } from "./model.ts";
import type { Snapshot } from "./snapshot.ts";

/** The verbs of an emulated GitHub that runs in another process of this machine, and its state. */
export type RemoteGitHub = {
  [Verb in keyof Controls]: (...given: Parameters<Controls[Verb]>) => Promise<ReturnType<Controls[Verb]>>;
} & {
  state(): Promise<Snapshot>;
  calls(): Promise<Call[]>;
  /** Resolves with the first state for which the predicate is true. Rejects after `timeoutMs`. */
  until(predicate: (state: Snapshot) => boolean, timeoutMs: number): Promise<Snapshot>;
  /** Every state from now on, each once, until the signal is aborted. For a live view. */
  states(signal: AbortSignal): AsyncGenerator<Snapshot>;
};

/** `url`: the base address of the pages. All verbs throw an `Error` with the emulator's sentence when it refuses. */
export function connectGitHub(url: string): RemoteGitHub {
  const admin = `${url}/_admin`;
  const read = async <T>(path: string, signal?: AbortSignal): Promise<T> =>
    (await (await fetch(`${admin}/${path}`, { signal: signal ?? null })).json()) as T;
  const views = {
    state: () => read<Snapshot>("state"),
    calls: () => read<Call[]>("calls"),
    async until(predicate: (state: Snapshot) => boolean, timeoutMs: number) {
      const signal = AbortSignal.timeout(timeoutMs);
      for await (const state of views.states(signal)) if (predicate(state)) return state;
      throw new Error(`not so within ${timeoutMs} ms: ${predicate}`);
    },
    async *states(signal: AbortSignal) {
      for (let after = -1; !signal.aborted; ) {
        const state = await read<Snapshot>(`state?after=${after}&wait=20`, signal).catch((error: unknown) => {
          if (signal.aborted) return undefined;
          throw error;
        });
        if (!state) return;
        if (state.version > after) yield state;
        after = state.version;
      }
    },
  };
  const verb =
    (name: string) =>
    async (...given: unknown[]) => {
      const response = await fetch(`${admin}/${name}`, { method: "POST", body: JSON.stringify(given) });
      const answer = (await response.json()) as { result: unknown; message: string };
      if (!response.ok) throw new Error(answer.message);
      return answer.result;
    };
  return {
    ...views,
    ...Object.fromEntries(Object.keys(VERBS).map((name) => [name, verb(name)])),
  } as RemoteGitHub;
}

const VERBS: Record<keyof Controls, true> = {
  setWebhook: true,
  addRepository: true,
  addCollaborator: true,
  removeCollaborator: true,
  addTeamMember: true,
  removeTeamMember: true,
  addStranger: true,
  push: true,
  setDefaultBranch: true,
  uninstall: true,
  suspend: true,
  queueRun: true,
  cancelJob: true,
  cancelRun: true,
  approveJob: true,
  rerunJob: true,
  requestAction: true,
  rerequestCheckRun: true,
  redeliver: true,
  dropRunner: true,
  limitCalls: true,
  setFaults: true,
};
