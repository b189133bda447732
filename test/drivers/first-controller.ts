/**
 * A controller's first life, for the contract: orders one machine from the driver that `module` opens, says so, and then waits to be killed.
 * Arguments: the bench module, its options as JSON, the machine's name.
 */
import type { OpenBench } from "./contract.ts";

const [module = "", options = "", name = ""] = process.argv.slice(2);
const { openBench }: { openBench: OpenBench<unknown> } = await import(module);
const { driver, order } = await openBench(JSON.parse(options));
await driver.start(order(name), AbortSignal.timeout(10_000));
process.stdout.write("started\n");
setInterval(() => {}, 60_000);
