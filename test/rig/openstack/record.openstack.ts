import { beforeAll, expect, test } from "vitest";
import { startCloud } from "./cloud.ts";
import { record } from "./record.ts";
import { type Recorded, readRecorded, SERVICES, shapeOf } from "./recorded.ts";

let asked: Recorded;

beforeAll(async () => {
  asked = await record(await startCloud({ virt: "fake" }, (text) => console.log(text)));
});

for (const service of SERVICES) {
  test(`what was recorded of the service "${service}" is what it says today`, () => {
    expect(shapesOf(asked[service])).toEqual(shapesOf(readRecorded()[service]));
  });
}

const shapesOf = (exchanges: Recorded[keyof Recorded]) =>
  Object.entries(exchanges).map(([name, { status, headers, body }]) => ({
    ...{ name, status, headers: Object.keys(headers) },
    body: shapeOf(body),
  }));
