import { z } from "zod";
import { filesAtHead } from "./box-head.ts";

/** See: images/linux/60-facts.sh, whose words these are; vagrant/boxes puts them into a box. */
const NAME = "info.json";
const FACTS = z.object({ mayfly_built_at: z.string(), mayfly_runner_released_at: z.string() }).partial();

export type BoxFacts = { builtAt?: number; runnerReleasedAt?: number };

/** What a box's file says of itself. NB: others' boxes have such a file, too, with anything in it. */
export async function factsOf(path: string): Promise<BoxFacts> {
  const text = (await filesAtHead(path)).get(NAME);
  if (text === undefined) return {};
  const { data } = FACTS.safeParse(parsed(text));
  return {
    ...timeOf("builtAt", data?.mayfly_built_at),
    ...timeOf("runnerReleasedAt", data?.mayfly_runner_released_at),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function timeOf(name: keyof BoxFacts, text = ""): BoxFacts {
  const at = Date.parse(text);
  return Number.isNaN(at) ? {} : { [name]: at };
}
