import { z } from "zod";
import { type Limit, limit, unlessGone } from "./nova.ts";
import type { Session } from "./session.ts";

/** `undefined` for a limit: there is none. */
export type VolumeLimits = { volumes: Limit; gigabytes: Limit };

export type Cinder = {
  limits: (signal: AbortSignal) => Promise<VolumeLimits>;
  /** The types that volumes of the project may have. */
  types: (signal: AbortSignal) => Promise<{ id: string; name: string }[]>;
  /** How a volume is; `undefined`: it is gone. */
  statusOf: (id: string, signal: AbortSignal) => Promise<string | undefined>;
  /** One that is gone is removed. */
  remove: (id: string, signal: AbortSignal) => Promise<void>;
};

export function cinder(session: Session): Cinder {
  return {
    limits: async (signal) => {
      const { body } = await session.call("Cinder", { method: "GET", path: "/limits" }, signal);
      const { absolute } = LIMITS.parse(body).limits;
      return {
        volumes: limit(absolute.maxTotalVolumes, absolute.totalVolumesUsed),
        gigabytes: limit(absolute.maxTotalVolumeGigabytes, absolute.totalGigabytesUsed),
      };
    },
    types: async (signal) => {
      const { body } = await session.call("Cinder", { method: "GET", path: "/types" }, signal);
      return TYPES.parse(body).volume_types;
    },
    statusOf: async (id, signal) => {
      const request = { method: "GET" as const, path: `/volumes/${id}` };
      const answer = await session.call("Cinder", request, signal).catch(unlessGone);
      return answer && VOLUME.parse(answer.body).volume.status;
    },
    remove: async (id, signal) => {
      await session.call("Cinder", { method: "DELETE", path: `/volumes/${id}` }, signal).catch(unlessGone);
    },
  };
}

const LIMITS = z.object({
  limits: z.object({
    absolute: z.object({
      maxTotalVolumes: z.number(),
      totalVolumesUsed: z.number(),
      maxTotalVolumeGigabytes: z.number(),
      totalGigabytesUsed: z.number(),
    }),
  }),
});

const TYPES = z.object({ volume_types: z.array(z.object({ id: z.string(), name: z.string() })) });
const VOLUME = z.object({ volume: z.object({ status: z.string() }) });
