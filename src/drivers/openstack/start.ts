import { TimeLimitError } from "../../clock.ts";
import type { MachineName } from "../../core/types.ts";
import { type Clock, NoRoom, SetupError, type StartOrder } from "../../ports.ts";
import { type Slots, slots } from "../slots.ts";
import { CloudError } from "./call.ts";
import { type Choices, ImageFault } from "./choose.ts";
import type { CloudServices } from "./cloud.ts";
import type { GlanceImage } from "./glance.ts";
import { describe, type Owner, tagsOf } from "./names.ts";
import type { Network } from "./neutron.ts";
import type { Flavor, NewServer } from "./nova.ts";
import { newServer } from "./order.ts";
import { saysNoRoom } from "./states.ts";
import { within } from "./within.ts";

/** Orders a server. `halt`: its machine was destroyed meanwhile; Nova is not asked for it any more. */
export type Starter = (order: StartOrder, signal: AbortSignal, halt: AbortSignal) => Promise<void>;

export type StarterParts = {
  cloud: CloudServices;
  choices: Choices;
  owner: Owner;
  clock: Clock;
  /** A port or a floating IP is made for a machine: it stays when the server goes, or if none comes of it. */
  noteLeft: (name: MachineName) => void;
};

/** Orders under way at a time. Nova takes seconds for each, and more of them make it no faster. */
const ORDERS = 4;
/** An order waits no longer than this for its turn, */
const TURN_MS = 20_000;
/** and takes no longer than this until Nova is asked. NB: with what Nova is given (nova.ts) it is less than drivers are given for an order. */
const READY_MS = 35_000;

export function starter(parts: StarterParts): Starter {
  const { cloud, choices, clock } = parts;
  const places = slots(ORDERS);
  return async (order, signal, halt) => {
    const signals = { signal, halt };
    const leave = await takeTurn(places, clock, signals);
    try {
      const server = await ready(order, parts, signals);
      await cloud.nova.create(server, signal).catch((error: unknown) => {
        throw fullOf(error, clock) ?? (wasAsked(error) ? error : notReadyOf(error));
      });
    } catch (error) {
      // NB: what was chosen may be gone. The next order looks again.
      if (!(error instanceof NoRoom)) choices.forget();
      throw error;
    } finally {
      leave();
    }
  };
}

/** `halt` ends what only looks. NB: what makes something is not cut short by it, or else nobody knows what is there. */
type Signals = { signal: AbortSignal; halt: AbortSignal };

async function takeTurn(places: Slots, clock: Clock, { signal, halt }: Signals): Promise<() => void> {
  const outer = AbortSignal.any([signal, halt]);
  return await within({ clock, limitMs: TURN_MS, outer }, places.take).catch((error: unknown) => {
    halt.throwIfAborted();
    throw new NoRoom("The cloud is still busy with earlier orders.", { cause: error });
  });
}

/** What Nova is to be asked for. NB: until it is asked nothing was begun: whatever fails here makes the job wait, and no machine has failed. */
async function ready(
  order: StartOrder,
  parts: StarterParts,
  { signal: outer, halt }: Signals,
): Promise<NewServer> {
  const { clock } = parts;
  try {
    return await within({ clock, limitMs: READY_MS, outer }, (signal) =>
      prepare(order, parts, { signal, halt }),
    );
  } catch (error) {
    halt.throwIfAborted();
    throw fullOf(error, clock) ?? notReadyOf(error);
  }
}

async function prepare(
  order: StartOrder,
  parts: StarterParts,
  { signal, halt }: Signals,
): Promise<NewServer> {
  const { cloud, choices, owner } = parts;
  const before = AbortSignal.any([signal, halt]);
  await cloud.nova.version(before);
  const { image, flavor } = await chooseImage(order, choices, before);
  await choices.zone(before);
  await choices.volumeType(before);
  const around = { network: await choices.network(before), groups: await choices.securityGroups(before) };
  const nic = hasOwnPort(order, cloud)
    ? { port: await makePort(order, around, parts, { signal, halt }) }
    : { uuid: around.network.id };
  before.throwIfAborted();
  const chosen = { image: image.id, flavor: flavor.id, nic };
  return newServer(order, chosen, { place: cloud.place, owner });
}

/**
 * What is wrong with one image keeps no other image waiting. NB: a candidate that nothing can be made from has failed its trial. It
 * must not keep jobs waiting; nor is it to be blamed for what it has no part in.
 */
async function chooseImage(
  order: StartOrder,
  choices: Choices,
  signal: AbortSignal,
): Promise<{ image: GlanceImage; flavor: Flavor }> {
  try {
    const image = await choices.image(order.image, order.cloudImage, signal);
    return { image, flavor: await choices.flavor(order.image, image, signal) };
  } catch (error) {
    if (!(error instanceof ImageFault)) throw error;
    if (order.cloudImage !== undefined && error.isOfCloudImage)
      throw new Error(error.message, { cause: error });
    throw new NoRoom(error.message, { cause: error, isOfImage: true });
  }
}

/** A network makes ports without a wish; a fixed MAC address or an address outside needs one that is made for it. */
const hasOwnPort = ({ image }: StartOrder, { place }: CloudServices): boolean =>
  image.mac !== undefined || place.floatingNetwork !== undefined;

/** A port of the machine's own, with a floating IP if the host gives one. */
async function makePort(
  order: StartOrder,
  { network, groups }: { network: Network; groups: readonly string[] },
  { cloud: { neutron, place }, choices, owner, noteLeft }: StarterParts,
  { signal, halt }: Signals,
): Promise<string> {
  const { name, image } = order;
  const before = AbortSignal.any([signal, halt]);
  const outside = place.floatingNetwork === undefined ? undefined : await choices.floatingNetwork(before);
  const description = describe(name, owner);
  const tags = tagsOf(order, owner);
  before.throwIfAborted();
  noteLeft(name);
  const security_groups = groups.length === 0 ? undefined : groups;
  const body = { network_id: network.id, name, description, mac_address: image.mac, security_groups };
  const port = await neutron.create("ports", body, signal);
  await neutron.tag("ports", port, tags, signal);
  if (!outside) return port;
  before.throwIfAborted();
  const address = { floating_network_id: outside.id, port_id: port, description };
  await neutron.tag("floatingips", await neutron.create("floatingips", address, signal), tags, signal);
  return port;
}

/** A refusal that says that the cloud is full, or that it is asked too much, is a reason to wait. */
function fullOf(error: unknown, clock: Clock): NoRoom | undefined {
  if (!(error instanceof CloudError) || error.status === undefined) return undefined;
  const { status, said, title, retryAfterMs } = error;
  const isBusy = status === 413 || status === 429 || (status === 503 && retryAfterMs !== undefined);
  if (!isBusy && !(status < 500 && saysNoRoom(said))) return undefined;
  const retryAt = retryAfterMs === undefined ? undefined : clock.now() + retryAfterMs;
  return new NoRoom(`${title}: ${said || "too many requests"}`, { cause: error, retryAt });
}

/** NB: without a token, or without a place in the catalogue, no order is sent. */
const wasAsked = (error: unknown): boolean =>
  !(error instanceof SetupError || (error instanceof CloudError && error.title === "Keystone"));

/** What fails before Nova was asked, or has to be mended by a person, is a reason to wait, too. */
function notReadyOf(error: unknown): unknown {
  if (error instanceof TimeLimitError)
    return new NoRoom(`The cloud was not ready for an order: ${error.message}.`, { cause: error });
  return error instanceof CloudError || error instanceof SetupError
    ? new NoRoom(error.message, { cause: error })
    : error;
}
