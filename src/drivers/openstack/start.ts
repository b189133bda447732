import type { MachineName } from "../../core/types.ts";
import { type Clock, NoRoom, type StartOrder } from "../../ports.ts";
import { slots } from "../slots.ts";
import { CloudError } from "./call.ts";
import type { Choices } from "./choose.ts";
import type { CloudServices } from "./cloud.ts";
import { describe, tagsOf } from "./names.ts";
import type { Network } from "./neutron.ts";
import { newServer } from "./order.ts";
import { saysNoRoom } from "./states.ts";

/** Orders a server. `halt`: its machine was destroyed meanwhile; Nova is not asked for it any more. */
export type Starter = (order: StartOrder, signal: AbortSignal, halt: AbortSignal) => Promise<void>;

export type StarterParts = {
  cloud: CloudServices;
  choices: Choices;
  controller: string;
  clock: Clock;
  /** A port or a floating IP is made for a machine: it stays when the server goes, or if none comes of it. */
  noteLeft: (name: MachineName) => void;
};

/** Orders under way at a time. Nova takes seconds for each, and more of them make it no faster. */
const ORDERS = 4;

export function starter(parts: StarterParts): Starter {
  const places = slots(ORDERS);
  return async (order, signal, halt) => {
    const before = AbortSignal.any([signal, halt]);
    const leave = await places.take(before).catch((error: unknown) => {
      halt.throwIfAborted();
      throw new NoRoom("The cloud is still busy with earlier orders.", { cause: error });
    });
    try {
      await orderServer(order, parts, { before, signal });
    } catch (error) {
      // NB: what was chosen may be gone. The next order looks again.
      parts.choices.forget();
      throw noRoomOf(error, parts.clock) ?? error;
    } finally {
      leave();
    }
  };
}

/** `before` ends what only looks. NB: what makes something is not cut short when its machine is destroyed, or else nobody knows what is there. */
type Signals = { before: AbortSignal; signal: AbortSignal };

async function orderServer(
  order: StartOrder,
  parts: StarterParts,
  { before, signal }: Signals,
): Promise<void> {
  const { cloud, choices, controller } = parts;
  const image = await choices.image(order.image, order.cloudImage, before);
  const flavor = await choices.flavor(order.image, image, before);
  const network = await choices.network(before);
  const nic = hasOwnPort(order, cloud)
    ? { port: await makePort(order, network, parts, { before, signal }) }
    : { uuid: network.id };
  before.throwIfAborted();
  const chosen = { image: image.id, flavor: flavor.id, nic };
  await cloud.nova.create(newServer(order, chosen, { place: cloud.place, controller }), signal);
}

/** A network makes ports without a wish; a fixed MAC address or an address outside needs one that is made for it. */
const hasOwnPort = ({ image }: StartOrder, { place }: CloudServices): boolean =>
  image.mac !== undefined || place.floatingNetwork !== undefined;

/** A port of the machine's own, with a floating IP if the host gives one. */
async function makePort(
  order: StartOrder,
  network: Network,
  { cloud: { neutron, place }, choices, controller, noteLeft }: StarterParts,
  { before, signal }: Signals,
): Promise<string> {
  const { name, image } = order;
  const groups = place.securityGroups.length === 0 ? undefined : await choices.securityGroups(before);
  const outside = place.floatingNetwork === undefined ? undefined : await choices.floatingNetwork(before);
  const description = describe(name, controller);
  const tags = tagsOf(order, controller);
  before.throwIfAborted();
  noteLeft(name);
  const body = { network_id: network.id, name, description, mac_address: image.mac, security_groups: groups };
  const port = await neutron.create("ports", body, signal);
  await neutron.tag("ports", port, tags, signal);
  if (!outside) return port;
  before.throwIfAborted();
  const address = { floating_network_id: outside.id, port_id: port, description };
  await neutron.tag("floatingips", await neutron.create("floatingips", address, signal), tags, signal);
  return port;
}

/** A refusal that says that the cloud is full, or that it is asked too much, is a reason to wait. */
function noRoomOf(error: unknown, clock: Clock): NoRoom | undefined {
  if (!(error instanceof CloudError) || error.status === undefined) return undefined;
  const { status, said, title, retryAfterMs } = error;
  const isBusy = status === 413 || status === 429 || (status === 503 && retryAfterMs !== undefined);
  if (!isBusy && !(status < 500 && saysNoRoom(said))) return undefined;
  const retryAt = retryAfterMs === undefined ? undefined : clock.now() + retryAfterMs;
  return new NoRoom(`${title}: ${said || "too many requests"}`, { cause: error, retryAt });
}
