import { parseArgs } from "node:util";
import { type Figures, measure } from "./openstack/figures.ts";
import { openLab } from "./openstack/lab.ts";
import { genuineSky, playedSky, type Sky } from "./openstack/sky.ts";

/**
 * `npm run bench:openstack`: many jobs at once, each of which gets a server of its own. A real Mayfly, as a process of its own, orders them at
 * a genuine Nova that pretends to have hypervisors (needs `test/rig/openstack/rig install`, and a quarter of an hour), and then many more at a
 * cloud that is played from recorded replies. Guests and GitHub are simulated, in the bench's process, as is the played cloud.
 * The last line is one JSON object.
 */
const { values } = parseArgs({
  options: {
    machines: { type: "string", default: "100" },
    played: { type: "string", default: "2000" },
    nova: { type: "boolean", default: false },
    replay: { type: "boolean", default: false },
  },
});
const sizes = { nova: Number(values.machines), replay: Number(values.played) };
if (!Object.values(sizes).every((size) => Number.isInteger(size) && size > 0)) {
  console.error(
    "bench:openstack: --machines and --played take whole numbers from 1; --nova and --replay leave out the other one",
  );
  process.exit(2);
}

const LIMIT_MS = 3_600_000;
const pace = { bootMs: 1000, jobMs: 5000 };
const tell = (text: string) => console.error(text);

const nova = values.replay ? undefined : await at(await genuineSky(tell), sizes.nova);
const replay = values.nova ? undefined : await at(await playedSky(), sizes.replay);
for (const [name, figures] of Object.entries({ nova, replay })) if (figures) show(name, figures);
console.log(JSON.stringify({ nova, replay }));

async function at(sky: Sky, machines: number): Promise<Figures> {
  try {
    const lab = await openLab(sky, { machines, pace });
    return await measure(lab, machines, LIMIT_MS).finally(lab.close);
  } finally {
    await sky.close();
  }
}

function show(name: string, figures: Figures): void {
  const { machines, served, left, seconds, callsPerMachine, lists, passes, mayflyCpuSeconds, mayflyShare } =
    figures;
  console.log(
    `${name}: ${served} of ${machines} served in ${Math.round(seconds)} s, ${left} left; ${callsPerMachine.all} calls for each; ${lists} lists in ${passes} passes; Mayfly used ${mayflyCpuSeconds} s of a processor, ${Math.round(mayflyShare * 100)} % of the time`,
  );
}
