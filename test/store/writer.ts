import { pino } from "pino";
import { openStore } from "../../src/store/sqlite.ts";
import { NOW } from "../support/build.ts";
import { created, delivery, seen } from "../support/facts.ts";

/**
 * A controller that writes without end, as a process of its own, until it is killed. It says on its standard output what it was
 * told is durable: `fact 17`, `webhook 17`. Arguments: file, controller, first number.
 */
const [file = "", controller = "", first = "0"] = process.argv.slice(2);
const store = await openStore({ file, controller, now: () => NOW, log: pino({ level: "silent" }) });
const say = (line: string) => process.stdout.write(`${line}\n`);
say("open");

for (let number = Number(first); ; number += 10) {
  const ten = Array.from({ length: 10 }, (_, index) => number + index);
  await Promise.all(
    ten.flatMap((each) => [
      store.record([seen(each), created(`mayfly-lab-plain-${each}`, each)]).then(() => say(`fact ${each}`)),
      store.keep(delivery(`id-${each}`)).then(() => say(`webhook ${each}`)),
    ]),
  );
}
