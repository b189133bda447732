import { parseArgs } from "node:util";
import { type Figures, measure } from "./openstack/figures.ts";
import { openLab } from "./openstack/lab.ts";
import { genuineSky, type Sky } from "./openstack/sky.ts";

const { values } = parseArgs({ options: { machines: { type: "string", default: "100" } } });
const machines = Number(values.machines);
const LIMIT_MS = 1_800_000;
const pace = { bootMs: 1000, jobMs: 5000 };

console.log(JSON.stringify(await at(await genuineSky((text) => console.error(text)))));

async function at(sky: Sky): Promise<Figures> {
  try {
    const lab = await openLab(sky, { machines, pace });
    return await measure(lab, machines, LIMIT_MS).finally(lab.close);
  } finally {
    await sky.close();
  }
}
