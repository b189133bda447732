import { worthOf } from "./core/report.ts";
import type { Effect } from "./core/world.ts";
import type { Store } from "./ports.ts";

type Publish = Extract<Effect, { do: "publish" }>;

/**
 * Says which check runs may be written now. What is written was true when its turn came, not when it joined a line of hundreds; and
 * while GitHub takes only some, each pass says anew which are worth most.
 */
export type Publishing = {
  /** When it may begin: infinity if not before another has ended. */
  mayBeginAt(publish: Publish, now: number): number;
  /** It begins. To be called when it has ended. */
  begin(publish: Publish): () => void;
  /** Neither this one nor others of its kind before then: GitHub, or our budget of its calls, has no room for them. */
  hold(publish: Publish, until: number): void;
};

/** Check runs that are written at once for one installation. */
const AT_ONCE = 4;

export function publishing(store: Pick<Store, "state">): Publishing {
  const underWay = new Map<number, number>();
  const held = new Map<string, number>();
  const installationOf = ({ job }: Publish) => store.state.jobs.get(job)?.installation ?? 0;
  const kindOf = (publish: Publish) => {
    const job = store.state.jobs.get(publish.job);
    return job ? `${job.installation} ${worthOf(job, publish.story)}` : "";
  };

  return {
    mayBeginAt(publish, now) {
      if ((underWay.get(installationOf(publish)) ?? 0) >= AT_ONCE) return Number.POSITIVE_INFINITY;
      return Math.max(now, held.get(kindOf(publish)) ?? 0);
    },
    begin(publish) {
      const installation = installationOf(publish);
      const add = (count: number) => underWay.set(installation, (underWay.get(installation) ?? 0) + count);
      add(1);
      return () => void add(-1);
    },
    hold: (publish, until) => void held.set(kindOf(publish), until),
  };
}
