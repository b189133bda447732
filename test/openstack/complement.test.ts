import { execa } from "execa";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const complement = async (...denied: string[]): Promise<string[]> =>
  (await execa("openstack/network/complement.sh", denied)).stdout.split("\n");

const numberOf = (address: string) => address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);

/** First and last address of a network. */
function rangeOf(network: string): [number, number] {
  const [address = "", bits = ""] = network.split("/");
  return [numberOf(address), numberOf(address) + 2 ** (32 - Number(bits)) - 1];
}

const isIn = (networks: readonly string[], address: number) =>
  networks.some((network) => {
    const [first, last] = rangeOf(network);
    return first <= address && address <= last;
  });

const sizeOf = (networks: readonly string[]) =>
  networks.map(rangeOf).reduce((sum, [first, last]) => sum + last - first + 1, 0);

/** Written down once more, on purpose: a network that is forgotten in the script would be forgotten here, too. */
const CLOSED = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/3",
];

describe("the Internet without private networks", () => {
  test("holds each address, or the private networks do, and never both", async () => {
    const open = await complement();
    const address = fc.integer({ min: 0, max: 2 ** 32 - 1 });

    fc.assert(
      fc.property(address, (one) => isIn(open, one) !== isIn(CLOSED, one)),
      { numRuns: 20_000 },
    );
    expect(sizeOf(open) + sizeOf(CLOSED)).toBe(2 ** 32);
  });

  test("is right at each edge", async () => {
    const open = await complement();
    const edges = CLOSED.flatMap((network) => {
      const [first, last] = rangeOf(network);
      return [first - 1, first, last, last + 1].filter((one) => one >= 0 && one < 2 ** 32);
    });

    for (const one of edges) expect([one, isIn(open, one)]).toEqual([one, !isIn(CLOSED, one)]);
  });

  test.each([
    "10.0.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "127.0.0.1",
    "100.64.0.1",
    "239.255.255.250",
  ])("does not hold %s", async (address) => {
    expect(isIn(await complement(), numberOf(address))).toBe(false);
  });

  test.each([
    "1.1.1.1",
    "140.82.112.3",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "223.255.255.255",
  ])("holds %s", async (address) => {
    expect(isIn(await complement(), numberOf(address))).toBe(true);
  });

  test("leaves out what a site denies besides, wherever that lies", async () => {
    const denied = ["130.246.0.0/16", "10.1.0.0/16", "8.8.8.8/32", "130.246.128.0/17", "1.0.0.0/8"];
    const open = await complement(...denied);
    const closed = [...CLOSED, ...denied];

    fc.assert(
      fc.property(
        fc.oneof(
          fc.integer({ min: 0, max: 2 ** 32 - 1 }),
          fc.integer({ min: -3, max: 3 }).map((near) => numberOf("8.8.8.8") + near),
        ),
        (one) => isIn(open, one) !== isIn(closed, one),
      ),
      { numRuns: 20_000 },
    );
    expect(sizeOf(open)).toBe(2 ** 32 - sizeOf(CLOSED) - 65_536 - 1 - 2 ** 24);
  });

  test("is few enough networks for the hundred rules that a project usually has", async () => {
    expect((await complement("130.246.0.0/16")).length).toBeLessThan(85);
  });

  test.each(["10.0.0.0", "10.0.0.0/33", "300.0.0.0/8", "10.0.0.1/8", "::/0", ""])(
    "%j is refused as a network",
    async (network) => {
      const { exitCode, stderr } = await execa("openstack/network/complement.sh", [network], {
        reject: false,
      });

      expect(exitCode).toBe(1);
      expect(stderr).toContain("is no network");
    },
  );
});
